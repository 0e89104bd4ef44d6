#!/bin/sh
# Starts one Sentinel. Its file is written once and is Sentinel's own from then on: it holds who is master, who else
# watches, and at which epoch it voted. A Sentinel that forgets this can vote twice, so keep its directory.
#
#   ANNOUNCE             address under which the others reach it: a name or an IP        (required)
#   INITIAL_MASTER       host[:port] that is master the first time the set starts        (required)
#   SENTINEL_PORT        26379
#   SENTINEL_BIND        addresses to listen on, as for "bind"                            ("* -::*")
#   SENTINEL_DIR         directory of the file                                            (/data)
#   REDIS_MASTER_NAME    items
#   QUORUM               Sentinels that must miss the master before one may act           (2)
#   DOWN_AFTER_MS        silence after which a node counts as down                        (2000)
#   FAILOVER_TIMEOUT_MS  a failover that takes longer is given up; retried after twice that (6000)
#   REDIS_PASSWORD[_FILE], SENTINEL_PASSWORD[_FILE]   none
# Further arguments go to redis-sentinel.
set -eu

say() { printf 'start-sentinel: %s\n' "$*"; }
# shellcheck source=/dev/null
. "$(dirname "$0")/ask.sh"

: "${ANNOUNCE:?start-sentinel: ANNOUNCE is not set}" "${INITIAL_MASTER:?start-sentinel: INITIAL_MASTER is not set}"
dir=${SENTINEL_DIR:-/data}
file=$dir/sentinel.conf
port=${SENTINEL_PORT:-26379}
name=${REDIS_MASTER_NAME:-items}
case $INITIAL_MASTER in *:*) master_port=${INITIAL_MASTER##*:} ;; *) master_port=6379 ;; esac
master_host=${INITIAL_MASTER%:*}

if [ ! -s "$file" ]; then
  say "first start: watching $name at $master_host:$master_port"
  mkdir -p "$dir"
  redis_password=$(secret REDIS_PASSWORD)
  sentinel_password=$(secret SENTINEL_PASSWORD)
  # Passwords are in it. Written beside and renamed, so that a kill in between leaves no half of it.
  umask 077
  {
    printf '%s\n' \
      "port $port" \
      "bind ${SENTINEL_BIND:-* -::*}" \
      "dir $(quoted "$dir")" \
      'protected-mode no' \
      'logfile ""' \
      '# Names, not addresses: a container that is made anew has a new address. A name that does not resolve yet' \
      '# is no error, so Sentinels can start before the Redis nodes. Must stand before "monitor".' \
      'sentinel resolve-hostnames yes' \
      'sentinel announce-hostnames yes' \
      "sentinel announce-ip $ANNOUNCE" \
      "sentinel announce-port $port" \
      "sentinel monitor $name $master_host $master_port ${QUORUM:-2}" \
      '# Short enough for a failover that clients wait out; long enough for a slow fork or a busy disk, which would' \
      '# otherwise cost a needless failover.' \
      "sentinel down-after-milliseconds $name ${DOWN_AFTER_MS:-2000}" \
      '# Twice this is how long a Sentinel that lost an election waits before it tries again; the default is 3 min.' \
      "sentinel failover-timeout $name ${FAILOVER_TIMEOUT_MS:-6000}" \
      '# The new master feeds one replica after the other, so that one of them always answers reads.' \
      "sentinel parallel-syncs $name 1"
    if [ -n "$redis_password" ]; then
      printf 'sentinel auth-pass %s %s\n' "$name" "$(quoted "$redis_password")"
    fi
    if [ -n "$sentinel_password" ]; then
      word=$(quoted "$sentinel_password")
      printf 'requirepass %s\nsentinel sentinel-pass %s\n' "$word" "$word"
    fi
  } >"$file.new"
  mv "$file.new" "$file"
fi

# By this name and no other: the package of Debian has redis-sentinel, but Redis itself promises only this form.
exec redis-server "$file" --sentinel "$@"
