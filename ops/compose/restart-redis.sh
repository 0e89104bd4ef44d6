#!/bin/sh
# Makes every Sentinel and every Redis node anew, one after the other, while clients go on: the Sentinels, the replicas,
# then the master moves to one of these, and the former one is the last. New ones have the image and the settings that the
# compose file names now: this is how Redis is upgraded, too. Data is on the volumes and stays.
#
#   sh ops/compose/restart-redis.sh      in the directory of docker-compose.yml
#
# Goes on only when the set is whole again (ops/redis/settled.sh), and stops where it does not become so. To go on after
# that, run it again.
set -eu

# How often it is tried to move the master. On a busy machine a replica is behind in the one moment in which it is looked at,
# and what is asked for then is a run from the beginning.
MOVES=3

say() { printf 'restart-redis: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }
trap 'fail "stopped; to go on, run it again"' INT TERM HUP
operator() { docker compose run --rm -T --no-deps operator sh "$@" </dev/null 2>&1; }
settle() { operator /ops/redis/settled.sh || fail 'the set is not whole: nothing else is restarted; mend that and run this again'; }
renew() {
  say "$1"
  output=$(docker compose up --detach --wait --no-deps --force-recreate "$1" 2>&1) || {
    printf '%s\n' "$output" | tail -n 3 >&2
    fail "$1 did not become healthy, see \"docker compose logs $1\"; mend that and run this again"
  }
  settle
}
# The service that is master now; asked after the set was whole, when all Sentinels name the same one.
master() {
  named=$(docker compose run --rm -T --no-deps operator sh /ops/redis/cli.sh "$first:26379" \
    sentinel get-master-addr-by-name items </dev/null 2>/dev/null | head -n 1 | tr -d '\r')
  printf '%s\n' "$nodes" | grep -xF "$named" || fail "the master \"$named\" is no service of the compose file"
}

services=$(docker compose config --services | sort)
sentinels=$(printf '%s\n' "$services" | grep -E '^sentinel-[0-9]+$') || fail 'no Sentinels are in the compose file'
nodes=$(printf '%s\n' "$services" | grep -E '^redis-[0-9]+$') || fail 'no Redis nodes are in the compose file'
first=${sentinels%%
*}
settle
for service in $sentinels; do renew "$service"; done
# The Sentinels may move the master by themselves meanwhile: whoever is master is never restarted, but put off.
later=
for service in $nodes; do
  now=$(master)
  if [ "$service" = "$now" ]; then later="$later $service"; else renew "$service"; fi
done
for service in $later; do
  tries=$MOVES
  while :; do
    now=$(master)
    [ "$service" = "$now" ] || break
    [ "$tries" -gt 0 ] || fail "the master was not moved, and $service is not restarted; run this again"
    tries=$((tries - 1))
    operator /ops/redis/switchover.sh || say 'the master was not moved'
    settle
  done
  renew "$service"
done
