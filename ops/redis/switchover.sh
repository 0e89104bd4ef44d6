#!/bin/sh
# shellcheck disable=SC2154 # name and sentinels are set by views.sh
# Makes another node the master while all are up, for work on the host of the present one. Refuses, and changes nothing,
# unless everything is healthy. No save is lost; saves wait for about a second.
#
#   sh switchover.sh [HOST:PORT]     to that replica, written as Sentinel writes it; otherwise to the first one
#   docker compose run --rm operator sh /ops/redis/switchover.sh
#
# SENTINELS, REDIS_MASTER_NAME: as for start-redis.sh. SECRETS: directory of the role "operator".
#
# SENTINEL FAILOVER alone takes 11 s until everything is in sync again: the former master goes on as a master until the
# Sentinels see fit to correct it, and what it wrote meanwhile has to be replaced by a full copy. So its writes are held
# back first, and as soon as a majority names the new master it is made to follow: it goes on where it stopped.
set -eu

# The Sentinel that leads looks at the promoted node 1 s after it last did (sentinel.c: INFO during a failover), and
# promotes it 100 to 300 ms after it was told to. Told when its last look was this long ago, it sees the promotion with
# the next look; told later, with the one after that, and saves wait for 2 s instead of 0.9 s.
LOOKED_MS=300
# Writes are held back for at most this long, whatever becomes of this script. Not for longer, however slow the promotion:
# what Sentinels publish at the former master is held back with them, and their questions behind it, so they take it for down
# after down-after-milliseconds and promote yet another replica (seen when writes were held until the new one was named).
HOLD_MS=2500
# How long the right moment is waited for; on a machine that is too busy for it there is none.
LOOK_SECONDS=60

say() { printf 'switchover: %s\n' "$*"; }
refuse() { say "refused: $*" >&2; exit 1; }
give_up() { say "$*" >&2; exit 1; }
: "${SENTINELS:?switchover: SENTINELS is not set}"
# shellcheck disable=SC2034 # read by ask.sh
role=operator
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$here/ask.sh"
# shellcheck source=/dev/null
. "$here/views.sh"

ask_node() { ask "$@" </dev/null; }
# now_ms: by the clock of the node $target, because not every date knows milliseconds.
now_ms() { ask_node "$target" time | awk 'NR == 1 { s = $0 } NR == 2 { printf "%.0f", s * 1000 + $0 / 1000 }'; }
# flags SENTINEL: how it sees the master.
flags() { ask_patiently "$1" sentinel master "$name" | awk 'NR % 2 { key = $0; next } key == "flags"'; }
# One that stood still for 2 s, as on a busy machine, is in TILT for 30 s: it takes the order and does nothing.
trusts_its_clock() { ask_patiently "$1" info sentinel | grep -q '^sentinel_tilt:0'; }
# One line per replica that the Sentinel $lead knows: host:port flags link priority milliseconds-since-it-looked.
replicas() {
  ask_patiently "$lead" sentinel replicas "$name" | awk '
    NR % 2 { key = $0; next } key == "name" { n++ } { v[n, key] = $0 }
    END { for (i = 1; i <= n; i++) print v[i, "ip"] ":" v[i, "port"], v[i, "flags"], v[i, "master-link-status"],
      v[i, "slave-priority"], v[i, "info-refresh"] }'
}
# wait_until TRIES COMMAND…: false when it is not true after that many tries, 20 ms and its own time apart.
wait_until() {
  tries=$1
  shift
  while ! "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.02
  done
}
offset_of() { ask_patiently "$1" role | awk 'NR == 1 && $0 != "master" { exit } NR == 2'; }
# have_all MASTER OFFSET NODE…: whether these nodes follow it and have that much. They are asked themselves: what they
# acknowledged to the master is up to a second old.
have_all() {
  leader=$1 needed=$2
  shift 2
  for node in "$@"; do
    ask_node "$node" role | awk -v leader="$leader" -v needed="$needed" '{ line[NR] = $0 }
      END { exit !(line[1] == "slave" && line[2] ":" line[3] == leader && line[4] == "connected" &&
        needed ~ /^[0-9]+$/ && line[5] + 0 >= needed + 0) }' || return 1
  done
}
is_master() { [ -n "$(offset_of "$1")" ]; }
is_named() { views=$(views); [ "$(named_master)" = "$1" ]; }
is_over() { [ "$(flags "$lead")" = master ]; }
follow() {
  # Its clients find the new master at once instead of by an error, and what was held back is not run.
  printf '%s\n' "replicaof ${target%:*} ${target##*:}" 'client kill type normal' 'client unpause' |
    ask "$1" >/dev/null
}

# --- is everything healthy? ---

find_master
[ -n "$master" ] || refuse "no majority of the Sentinels ($SENTINELS) names a master"
lead=
for sentinel in $sentinels; do
  case $(flags "$sentinel") in
    master) if [ -z "$lead" ] && trusts_its_clock "$sentinel"; then lead=$sentinel; fi ;;
    '') ;;
    *failover_in_progress*) refuse "$sentinel has a failover in progress" ;;
    *) refuse "$sentinel takes the master $master for down or disconnected" ;;
  esac
done
[ -n "$lead" ] || refuse 'every Sentinel stood still for 2 s or more a short while ago, and does not act for 30 s (TILT); run this again then'
others=$(printf '%s\n' "$views" | awk -v master="$master" '$3 != "" && $3 != master { print $3 }')
[ -z "$others" ] || refuse "a Sentinel names another master: $others"
case $(ask_patiently "$lead" sentinel ckquorum "$name") in OK*) ;; *) refuse "$lead does not reach a majority" ;; esac
offset=$(offset_of "$master")
[ -n "$offset" ] || refuse "$master does not say that it is master"
nodes=$(replicas | cut -d ' ' -f 1)
[ -n "$nodes" ] || refuse "$lead knows no replica"
target=${1:-$(printf '%s\n' "$nodes" | head -n 1)}
# shellcheck disable=SC2086 # one word per node, here and below
printf '%s\n' "$nodes" | grep -qxF "$target" || refuse "$target is no replica of $master, but these are:" $nodes
replicas | while read -r node flags link priority _; do
  [ "$flags" = slave ] || refuse "$lead takes the replica $node for: $flags"
  [ "$link" = ok ] || refuse "$lead sees $node without a connection to its master"
  [ "$priority" -gt 0 ] || refuse "$lead saw $node at replica-priority 0: it was not in sync, or there is no keeper"
  # What Sentinel saw may be 30 s old.
  ask_patiently "$node" info replication | grep -q '^slave_priority:[1-9]' || refuse "$node is silent, or at priority 0"
done
# shellcheck disable=SC2086
wait_until 60 have_all "$master" "$offset" $nodes || refuse "not every replica is in sync with $master"

# --- Sentinel is made to choose $target: it prefers the lowest priority ---

priority=$(ask_patiently "$target" config get replica-priority | tail -n 1)
held=
# Whatever happens, nothing of this stays.
clean_up() {
  ask_node "$target" config set replica-priority "$priority" >/dev/null
  if [ -n "$held" ]; then ask_node "$master" client unpause >/dev/null; fi
}
trap clean_up EXIT
trap 'exit 1' INT TERM
has_looked() {
  # Again and again: who was marked as promotable in between is marked so again. Never over the keeper's 0.
  [ "$(ask_node "$target" config get replica-priority | tail -n 1)" != 0 ] || refuse "$target has fallen behind"
  ask_node "$target" config set replica-priority 1 >/dev/null
  offset=$(offset_of "$master")
  # shellcheck disable=SC2046 # the fields of one line
  set -- $(replicas | awk -v node="$target" '$1 == node')
  # Busy as machines can be, the Sentinels may act by themselves while this waits.
  if [ "$#" -eq 0 ]; then
    views=$(views)
    now=$(named_master)
    [ "${now:-$master}" = "$master" ] || refuse "the Sentinels have made $now master meanwhile"
  fi
  [ "$(date +%s)" -lt "$deadline" ] || refuse "$lead was not seen looking at $target for $LOOK_SECONDS s; is the machine too busy?"
  if [ "${4:-}" != 1 ] || [ "$5" -gt "$LOOKED_MS" ]; then return 1; fi
  sleep "$(printf '0.%03d' $((LOOKED_MS - $5)))"
}
say "from $master to $target, as soon as $lead has looked at it (every second with a keeper, else every 10 s)"

# --- go ---

deadline=$(($(date +%s) + LOOK_SECONDS))
while :; do
  wait_until 5000 has_looked || refuse "$lead was not seen looking at $target"
  # Much can have happened since the first look. On a busy machine a replica is behind in one such moment, and not in the next.
  # shellcheck disable=SC2086
  if have_all "$master" "${offset:-none}" $nodes; then break; fi
  [ "$(date +%s)" -lt "$deadline" ] || refuse "not every replica is in sync with $master any more"
done
start_ms=$(now_ms)
held=yes
# Not waited for here: what a replica does not have by the time of its promotion was not acknowledged to anybody.
ask_node "$master" client pause "$HOLD_MS" write >/dev/null
answer=$(ask_node "$lead" sentinel failover "$name")
# No answer in time says nothing; whether it was heard shows below.
case $answer in OK | '') ;; *) refuse "$lead: $answer" ;; esac
# Whoever is being promoted is left alone, and so is the former master until the Sentinels cannot go back.
wait_until 250 is_named "$target" || give_up "no majority names $target yet; the Sentinels go on by themselves"
wait_until 50 is_master "$target" || give_up "$target does not say that it is master; the Sentinels go on by themselves"
held=
for node in $master $nodes; do if [ "$node" != "$target" ]; then follow "$node" & fi; done
wait
rest=$(printf '%s\n' "$master" "$nodes" | grep -vxF "$target")
# shellcheck disable=SC2086
wait_until 1500 have_all "$target" "$(offset_of "$target")" $rest || give_up "$target is master, but not all follow it"
end_ms=$(now_ms)
say "$target is master; for $((end_ms - start_ms)) ms there was no writable master with all replicas in sync"
wait_until 1000 is_over || say "$lead still has its failover in progress" >&2
