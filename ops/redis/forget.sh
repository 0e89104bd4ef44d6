#!/bin/sh
# Has the Sentinels forget replicas that were taken away for good; by themselves they never do, and switchover.sh refuses
# for as long. One after the other, because a Sentinel that was reset knows nobody for some seconds.
#
#   docker compose run --rm operator sh /ops/redis/forget.sh
#
# Refuses unless every Sentinel answers and names the same master. SENTINELS, REDIS_MASTER_NAME: as for start-redis.sh.
# SECRETS: directory of the role "operator".
set -eu

WAIT_SECONDS=60
# How often all Sentinels are asked before it is said that one does not answer.
LOOKS=5

: "${SENTINELS:?forget: SENTINELS is not set}"
fail() { printf 'forget: %s\n' "$*" >&2; exit 1; }
# shellcheck disable=SC2034 # read by ask.sh
role=operator
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$here/ask.sh"
# shellcheck source=/dev/null
. "$here/views.sh"

ask_sentinel() { ask "$@" </dev/null; }
# shellcheck disable=SC2154,SC2086 # set by views.sh; one word per Sentinel
all=$(printf '%s\n' $sentinels | wc -l)
left=$LOOKS
while :; do
  find_master
  [ -n "$master" ] || fail "refused: no majority of the Sentinels ($SENTINELS) names a master"
  # shellcheck disable=SC2154 # set by views.sh
  named=$(printf '%s\n' "$views" | awk -v master="$master" '$3 == master' | wc -l)
  [ "$named" -lt "$all" ] || break
  left=$((left - 1))
  [ "$left" -gt 0 ] || fail "refused: not every Sentinel answers and names $master"
  sleep 0.5
done
# knows_all SENTINEL: the other Sentinels and a replica, so that it could act.
knows_all() {
  # shellcheck disable=SC2154 # set by views.sh
  case $(ask_sentinel "$1" sentinel ckquorum "$name") in "OK $((all + 0)) "*) ;; *) return 1 ;; esac
  ask_sentinel "$1" sentinel replicas "$name" | grep -q .
}
for sentinel in $sentinels; do
  [ "$(ask_patiently "$sentinel" sentinel reset "$name")" = 1 ] || fail "$sentinel was not reset; run this again"
  end=$(($(date +%s) + WAIT_SECONDS))
  until knows_all "$sentinel"; do
    [ "$(date +%s)" -lt "$end" ] || fail "$sentinel does not find the others again; the rest is left as it is"
    sleep 0.5
  done
  printf 'forget: %s knows %s\n' "$sentinel" \
    "$(ask_patiently "$sentinel" sentinel replicas "$name" | awk 'NR % 2 { k = $0; next } k == "name" { printf "%s ", $0 }')"
done
