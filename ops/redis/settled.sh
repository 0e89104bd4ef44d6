#!/bin/sh
# Waits until the set is whole: all Sentinels answer and name one master, and every replica that one of them knows follows
# it, could be promoted, and has on its disk what it was sent. Before this nothing else should be stopped.
#
#   sh settled.sh [REPLICAS]     and there are so many replicas, or more
#   docker compose run --rm operator sh /ops/redis/settled.sh
#
# Ends with 1 and says what is missing after WAIT_SECONDS (300). SENTINELS, REDIS_MASTER_NAME: as for start-redis.sh.
# SECRETS: directory of the role "operator".
set -eu

: "${SENTINELS:?settled: SENTINELS is not set}"
least=${1:-0}
case $least in *[!0-9]* | '') printf 'settled: "%s" is no number of replicas\n' "$1" >&2; exit 1 ;; esac
# shellcheck disable=SC2034 # read by ask.sh
role=operator
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$here/ask.sh"
# shellcheck source=/dev/null
. "$here/views.sh"

ask_node() { ask "$@" </dev/null; }
one_line() { printf '%s\n' "$1" | tr '\n' ' '; }
# on_disk: reads INFO; false while an append-only file is made anew, as it is behind a full copy.
on_disk() { awk -F: '/^aof_rewrite_(in_progress|scheduled):/ { n++; busy += $2 } END { exit !(n == 2 && busy == 0) }'; }

# What the first thing is that is missing is put into $what; nothing when the set is whole.
look() {
  views=$(views)
  master=$(named_master)
  [ -n "$master" ] || { what='no majority of the Sentinels names a master'; return; }
  # shellcheck disable=SC2154,SC2086 # set by views.sh; one word per Sentinel
  [ "$(printf '%s\n' "$views" | awk -v master="$master" '$3 == master' | wc -l)" -eq "$(printf '%s\n' $sentinels | wc -l)" ] ||
    { what="not every Sentinel answers and names $master"; return; }
  replicas=$(known_replicas)
  # shellcheck disable=SC2086 # one word per replica
  count=$(printf '%s\n' $replicas | grep -c . || true)
  [ "$count" -ge "$least" ] || { what="there are not $least replicas, only: $(one_line "$replicas")"; return; }
  ask_node "$master" info persistence | on_disk || { what="the master $master is silent or rewrites its file"; return; }
  for node in $replicas; do
    ask_node "$node" info | awk -F: -v master="$master" '
      { value[$1] = $2 }
      END { exit !(value["role"] == "slave" && value["master_host"] ":" value["master_port"] == master &&
        value["master_link_status"] == "up" && value["slave_priority"] > 0) }' ||
      { what="$node does not answer, or is not in sync with $master"; return; }
    ask_node "$node" info persistence | on_disk || { what="$node rewrites its file"; return; }
  done
  # What they saw last may be seconds old, and it is what they would act on.
  for sentinel in $sentinels; do
    if ! sees_well "$sentinel" master 1 || ! sees_well "$sentinel" replicas "$count"; then
      what="$sentinel does not see all of them well yet"
      return
    fi
  done
  what=
}
# sees_well SENTINEL master|replicas COUNT: so many, and all up. One that is silent sees none.
sees_well() {
  # shellcheck disable=SC2154 # set by views.sh
  ask_node "$1" sentinel "$2" "$name" | awk -v count="$3" '
    NR % 2 { key = $0; next }
    key == "flags" { n++; bad += $0 != "master" && $0 != "slave" }
    key == "slave-priority" { bad += $0 == 0 } key == "master-link-status" { bad += $0 != "ok" }
    END { exit bad > 0 || n != count }'
}

end=$(($(date +%s) + ${WAIT_SECONDS:-300}))
while look && [ -n "$what" ]; do
  [ "$(date +%s)" -lt "$end" ] || { printf 'settled: not yet: %s\n' "$what" >&2; exit 1; }
  sleep 0.5
done
# From the look that found nothing missing: asked once more, a busy Sentinel may be silent.
printf 'settled: %s is master, and in sync with it: %s\n' "$master" "$(one_line "$replicas")"
