#!/bin/sh
# Says what a Redis node holds, a line for each partition: its number, how many items it has, the id of the last one that
# was ever saved, and a digest of its log and one of its index. What is saved while it reads is left out. Who prints the same holds the same. Changes nothing, and keeps the node from its work
# for about 10 ms at a time.
#
#   sh digest.sh HOST:PORT [FILE]
#   docker compose run --rm -T operator sh /ops/redis/digest.sh redis-2:6379
#
# FILE is what this printed before, "-" is standard input: what was saved since then is left out, so that the same must be
# printed again, by this node or another one, as long as nothing was erased.
#
# Ends with 1 when an index has not as many entries as its log has items. REDIS_KEY_PREFIX: the service's. SECRETS:
# directory of the role "operator", see make-secrets.sh.
set -eu

BUCKETS_PER_READ=32

here=$(cd "$(dirname "$0")" && pwd)
address=${1:?digest: host:port is missing}
prefix=${REDIS_KEY_PREFIX:-}
fail() { printf 'digest: %s\n' "$*" >&2; exit 1; }
cli() { sh "$here/cli.sh" "$address" "$@"; }
sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}
load() {
  loaded=$(cli script load "$(cat "$here/$1")")
  case $loaded in *[!0-9a-f]* | '') fail "$address does not take $1: $loaded" ;; esac
  printf '%s\n' "$loaded"
}
# last_of PARTITION: the id of the last item that was saved, erased or not; 0-0 when there was none.
last_of() {
  cli xinfo stream "${prefix}items:{$1}" 2>&1 | awk '
    found { print; done = 1; exit } $0 == "last-generated-id" { found = 1 } /no such key/ { print "0-0"; done = 1; exit }
    END { if (!done) exit 1 }'
}
# log_of PARTITION TO: count, that id and the digest up to there.
log_of() {
  count=0 last=- digest=- more=more
  while [ "$more" = more ]; do
    from=-
    [ "$last" = - ] || from="($last"
    answer=$(cli evalsha_ro "$log_script" 1 "${prefix}items:{$1}" "$from" "$2" "$digest")
    # shellcheck disable=SC2086 # the fields of one line
    case $answer in [0-9]*' end' | [0-9]*' more') set -- "$1" "$2" $answer ;; *) fail "the log of partition $1: $answer" ;; esac
    count=$((count + $3)) last=$4 digest=$5 more=$6
  done
  printf '%s %s %s\n' "$count" "$2" "$digest"
}
# index_of PARTITION TO: a line with count and digest for some buckets each.
index_of() {
  awk -v sha="$index_script" -v key="${prefix}index:{$1}:" -v to="$2" -v buckets="$buckets" -v step="$BUCKETS_PER_READ" '
    BEGIN { for (b = 0; b < buckets; b += step)
      printf "evalsha_ro %s 1 \"%s\" %d %d %s\n", sha, key, b, (b + step < buckets ? b + step : buckets) - 1, to }' |
    sh "$here/cli.sh" "$address"
}

before=
if [ -n "${2:-}" ]; then
  before=$(if [ "$2" = - ]; then cat; else cat "$2"; fi)
  [ -n "$before" ] || fail "$2 is empty"
fi
settings=$(cli hmget "${prefix}meta" partitions buckets | tr '\n' ' ')
partitions=${settings%% *}
buckets=${settings#* } buckets=${buckets% }
case $partitions$buckets in
  *[!0-9]* | '') fail "$address has no data of the service, or does not say so: $settings" ;;
esac
log_script=$(load digest-log.lua)
index_script=$(load digest-index.lua)

printf 'partitions %s buckets %s\n' "$partitions" "$buckets"
wrong=0 total=0 partition=0
while [ "$partition" -lt "$partitions" ]; do
  if [ -n "$before" ]; then
    to=$(printf '%s\n' "$before" | awk -v partition="$partition" '$1 == partition && NF == 5 { print $3 }')
    [ -n "$to" ] || fail "$2 says nothing of partition $partition"
  else
    to=$(last_of "$partition") || fail "$address does not tell of the log of partition $partition"
  fi
  log=$(log_of "$partition" "$to")
  index=$(index_of "$partition" "$to")
  indexed=$(printf '%s\n' "$index" | awk 'NF != 2 || $1 !~ /^[0-9]+$/ { exit 1 } { n += $1 } END { print n }') ||
    fail "the index of partition $partition: $index"
  printf '%s %s %s\n' "$partition" "$log" "$(printf '%s\n' "$index" | sha256)"
  if [ "${log%% *}" != "$indexed" ]; then
    printf 'digest: partition %s has %s items and %s index entries\n' "$partition" "${log%% *}" "$indexed" >&2
    wrong=$((wrong + 1))
  fi
  total=$((total + ${log%% *})) partition=$((partition + 1))
done
printf 'total %s\n' "$total"
[ "$wrong" -eq 0 ]
