#!/bin/sh
# Puts what backup.sh wrote, read from standard input, into the directory of a node that has none yet. For the first start
# of a new set, of which this node is INITIAL_MASTER; its other nodes and its Sentinels have to be empty as well.
#
#   docker compose run --rm -T --no-deps redis-1 sh /ops/redis/restore.sh <items.tar
#
# REDIS_DIR: as for start-redis.sh.
set -eu

MANIFEST=appendonly.aof.manifest

refuse() { printf 'restore: refused: %s\n' "$*" >&2; exit 1; }
dir=${REDIS_DIR:-/data}
new=$dir/restore.$$
[ ! -t 0 ] || refuse 'standard input is to be the tar file of a backup'
[ ! -e "$dir/appendonlydir" ] || refuse "there is data in $dir already"
trap 'rm -rf "$new"' EXIT
trap 'exit 1' INT TERM HUP
mkdir -p "$new"
# Files are made with our own user, whoever they belonged to.
tar -C "$new" -xof - || refuse 'this is no tar file, or only the beginning of one'
manifest=$new/appendonlydir/$MANIFEST
[ -s "$manifest" ] || refuse "there is no $MANIFEST in it"
missing=$(awk '$1 == "file" { print $2 }' "$manifest" | while read -r file; do
  [ -e "$new/appendonlydir/$file" ] || printf ' %s' "$file"
done)
[ -z "$missing" ] || refuse "not in it:$missing"
mv "$new/appendonlydir" "$dir/appendonlydir"
# Its Sentinels will name this node out of nothing; see start-redis.sh.
: >"$dir/start-as-master"
printf 'restore: %s bytes in %s; this node starts as master with them\n' \
  "$(cat "$dir"/appendonlydir/*.aof "$dir"/appendonlydir/*.rdb 2>/dev/null | wc -c | tr -d ' ')" "$dir"
