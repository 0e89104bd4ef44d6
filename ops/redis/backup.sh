#!/bin/sh
# Writes all that this node has saved to standard output, as a tar file, while it goes on saving: the snapshot that its
# append-only file begins with, and every write since then. What was acknowledged before it began is in it. Run it where
# the node runs, best at a replica:
#
#   docker compose exec -T redis-2 sh /ops/redis/backup.sh >items.tar
#
# Refuses, and writes nothing, unless the node is the master that the Sentinels name, or a replica of it that is in sync.
#
# The files are linked, which takes a moment and no space, and read at leisure. Redis only ever adds to the last of them,
# and begins new ones when it rewrites; so the beginning of the last one, as far as it goes, is a moment of the past.
#
# ANNOUNCE, SENTINELS, REDIS_PORT, REDIS_DIR, REDIS_MASTER_NAME, SECRETS, TLS: as for start-redis.sh.
set -eu

MANIFEST=appendonly.aof.manifest
# How often it is tried anew when Redis has put other files in place meanwhile.
TRIES=20

refuse() { printf 'backup: refused: %s\n' "$*" >&2; exit 1; }
[ ! -t 1 ] || refuse 'a tar file is nothing for a terminal; send the output to a file'
: "${ANNOUNCE:?backup: ANNOUNCE is not set}" "${SENTINELS:?backup: SENTINELS is not set}"
# shellcheck disable=SC2034 # read by ask.sh
role=replication
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$here/ask.sh"
# shellcheck source=/dev/null
. "$here/views.sh"

port=${REDIS_PORT:-6379}
me=$ANNOUNCE:$port
dir=${REDIS_DIR:-/data}
files=$dir/appendonlydir
copy=$dir/backup.$$
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)

# What was linked by a backup that was killed would stay on the disk for ever.
for old in "$dir"/backup.*; do
  if [ -e "$old" ] && ! kill -0 "${old##*.}" 2>/dev/null; then rm -rf "$old"; fi
done

find_master
[ -n "$master" ] || refuse "no majority of the Sentinels ($SENTINELS) names a master"
why=$(ask_patiently "$me" info replication | awk -F: -v me="$me" -v master="$master" '
  { value[$1] = $2 }
  END {
    if (value["role"] == "") print "it does not answer"
    else if (value["role"] == "master") { if (me != master) print "it takes itself for the master, and that is " master }
    else if (value["master_host"] ":" value["master_port"] != master) print "it does not follow the master " master
    else if (value["master_link_status"] != "up") print "it has no connection to the master " master
    else if (value["slave_priority"] == 0) print "it is at replica-priority 0: not in sync, or there is no keeper"
  }')
[ -z "$why" ] || refuse "$me: $why"

# Between a full copy from the master and the rewrite behind it, the files are from before the copy.
is_stale() { [ -e "$files/temp-appendonly.aof.incr" ]; }
link_all() {
  rm -rf "$copy"
  mkdir -p "$copy/appendonlydir"
  # Without those that are about to be deleted.
  grep -v ' type h' "$files/$MANIFEST" >"$copy/appendonlydir/$MANIFEST" || return 1
  awk '$1 == "file" { print $2 }' "$copy/appendonlydir/$MANIFEST" >"$copy/names"
  while read -r file; do ln "$files/$file" "$copy/appendonlydir/$file" || return 1; done <"$copy/names"
  ! is_stale
}
trap 'rm -rf "$copy"' EXIT
trap 'exit 1' INT TERM HUP
tries=$TRIES
while is_stale || ! link_all 2>/dev/null; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || refuse "$files is not whole: a copy from the master is being written to it"
  sleep 0.5
done

# 1 is "changed as we read it": it has grown, and its beginning is what we want.
tar -C "$copy" -cf - appendonlydir 2>/dev/null || [ $? -eq 1 ] || { echo 'backup: tar failed' >&2; exit 1; }
printf 'backup: %s, %s; all that was acknowledged before %s\n' "$me" \
  "$(if [ "$me" = "$master" ]; then echo master; else echo "replica of $master"; fi)" "$began" >&2
