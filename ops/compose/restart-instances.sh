#!/bin/sh
# Replaces every instance of the service by a new one while clients go on: first one more is started, and when it takes
# requests an old one is stopped, which answers what it has accepted. New ones are of the image that "docker compose
# build" made last, with the settings of now: this is how a new version or a changed setting is brought in, too.
#
#   sh ops/compose/restart-instances.sh [NUMBER]      in the directory of docker-compose.yml
#
# NUMBER is how many there shall be at the end, otherwise as many as run now. Those that are not healthy are replaced
# first. Stops at the first new instance that does not become healthy, shows its last lines and takes it away; the old
# ones that are left go on serving.
set -eu

# nginx asks for the addresses anew after 2 s, see "resolver" in nginx.conf.
NGINX_LOOKS_SECONDS=4
WAIT_SECONDS=${WAIT_SECONDS:-300}

say() { printf 'restart-instances: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }
running() { docker compose ps --quiet api; }
# lines_not_in LIST: those of standard input that are not in it.
lines_not_in() { grep -vxF -e "$1" || true; }
# state ID: healthy, unhealthy, starting, or "stopped" for one that has ended, even if it was started again.
state() {
  docker inspect --format '{{if or (gt .RestartCount 0) (not .State.Running)}}stopped{{else}}{{.State.Health.Status}}{{end}}' \
    "$1" 2>/dev/null || echo stopped
}

old=$(running)
[ -n "$old" ] || fail 'no instance runs here'
count=$(printf '%s\n' "$old" | grep -c .)
wanted=${1:-$count}
case $wanted in *[!0-9]* | '' | 0) fail "\"$wanted\" is no number of instances" ;; esac

replaced=0
# However it ends, no new one is left behind that does not serve.
end() {
  code=$?
  trap - EXIT INT TERM HUP
  [ "$code" -ne 0 ] || return 0
  for id in $(running | lines_not_in "$old"); do
    if [ "$(state "$id")" = healthy ]; then continue; fi
    docker logs --tail 5 "$id" >&2 || true
    docker rm --force "$id" >/dev/null
  done
  say "$replaced of $count are replaced, the others serve on; to go on: sh ops/compose/restart-instances.sh $wanted" >&2
}
trap end EXIT
trap 'exit 1' INT TERM HUP

ill=$(for id in $old; do if [ "$(state "$id")" != healthy ]; then printf '%s\n' "$id"; fi; done)
for id in $ill $(printf '%s\n' "$old" | lines_not_in "$ill"); do
  # One more than wanted is what a run that was killed left, and gets no successor.
  if [ "$(running | grep -c .)" -le "$wanted" ]; then
    before=$(running)
    # One that a run had stopped and not yet removed when it was killed would be started again, old as it is.
    for gone in $(docker compose ps --all --quiet api | lines_not_in "$before"); do
      docker rm --force "$gone" >/dev/null
    done
    output=$(docker compose up --detach --no-deps --no-recreate --scale "api=$((wanted + 1))" api 2>&1) ||
      { printf '%s\n' "$output" | tail -n 3 >&2; fail 'a new instance could not be started'; }
    # Not with --wait, which waits for the old ones as well, of which one may be what all of this is for.
    deadline=$(($(date +%s) + WAIT_SECONDS))
    for new in $(running | lines_not_in "$before"); do
      until now=$(state "$new") && [ "$now" = healthy ]; do
        if [ "$now" != starting ] || [ "$(date +%s)" -ge "$deadline" ]; then
          fail "a new instance did not become healthy, it is $now"
        fi
        sleep 0.5
      done
    done
    sleep "$NGINX_LOOKS_SECONDS"
  fi
  # For as long as stop_grace_period in the compose file says.
  docker stop "$id" >/dev/null
  docker rm "$id" >/dev/null
  replaced=$((replaced + 1))
  say "$replaced of $count"
done
