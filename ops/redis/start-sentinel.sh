#!/bin/sh
# Starts one Sentinel. Its file is Sentinel's own once it is written: it holds who is master, who else watches, and at
# which epoch it voted. A Sentinel that forgets this can vote twice, so keep its directory. Only the port, users and
# passwords are put in anew at every start.
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
#   SECRETS              directory of the role "sentinel", see make-secrets.sh           (required)
#   TLS                  as for start-redis.sh                                             (none)
# Further arguments go to redis-sentinel.
set -eu

say() { printf 'start-sentinel: %s\n' "$*"; }
# shellcheck disable=SC2034 # read by ask.sh
role=sentinel
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$here/ask.sh"

: "${ANNOUNCE:?start-sentinel: ANNOUNCE is not set}" "${INITIAL_MASTER:?start-sentinel: INITIAL_MASTER is not set}"
dir=${SENTINEL_DIR:-/data}
file=$dir/sentinel.conf
port=${SENTINEL_PORT:-26379}
name=${REDIS_MASTER_NAME:-items}
case $INITIAL_MASTER in *:*) master_port=${INITIAL_MASTER##*:} ;; *) master_port=6379 ;; esac
master_host=${INITIAL_MASTER%:*}

# Passwords are in it.
umask 077
if [ ! -s "$file" ]; then
  say "first start: watching $name at $master_host:$master_port"
  mkdir -p "$dir"
  # Written beside and renamed, so that a kill in between leaves no half of it.
  {
    printf '%s\n' \
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
  } >"$file.new"
  mv "$file.new" "$file"
fi

users "$here/sentinel-users.acl" >"$dir/users.acl.new"
mv "$dir/users.acl.new" "$dir/users.acl"
# As whom it asks the nodes, and the other Sentinels.
# shellcheck disable=SC2154 # set by ask.sh
{
  grep -vE '^(port|tls-[a-z-]+|aclfile|user|requirepass|sentinel (auth|sentinel)-(user|pass)) ' "$file"
  listen_on "$port"
  printf '%s\n' "aclfile $(quoted "$dir/users.acl")" \
    "sentinel auth-user $name $role" "sentinel auth-pass $name $password" \
    "sentinel sentinel-user $role" "sentinel sentinel-pass $password"
} >"$file.new"
mv "$file.new" "$file"

# By this name and no other: the package of Debian has redis-sentinel, but Redis itself promises only this form.
exec redis-server "$file" --sentinel "$@"
