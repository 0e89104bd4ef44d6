#!/bin/sh
# Starts one Redis node, once it is sure that this costs no data. The Sentinels, not this node, know who is master:
#
#   no majority of Sentinels answers     wait. They start without Redis, so this ends by itself.
#   one of them names a later master     wait until the others have heard of it
#   they name another node               start as its replica, unless it may be an empty one that would delete our data
#   they name this node, it has data     start as master, unless a replica lost us seconds ago: then wait for Sentinel
#                                        to promote that one, whose memory has what our disk may have missed
#   they name this node out of nothing   wait for an operator: see "start-as-master" below
#   they name this node, it is empty     start as master only if every replica that any Sentinel knows answers and is
#                                        empty too (a new set); else wait until another node is promoted
#
# A node that waits is down, so Sentinel sees what to do; and it says what it waits for.
#
# Sentinels that lost their volumes name INITIAL_MASTER, whoever was master before, and its data may be old. So a node
# with data counts only Sentinels that know a replica or a failover, or whose id was there when this node last started.
# When those are no majority, somebody has to find the node with the newest data. If it is another one, start the
# Sentinels anew (without their files) with it as INITIAL_MASTER. Then create the file start-as-master in its directory.
#
#   ANNOUNCE           address under which others reach this node, as Sentinel shall write it  (required)
#   SENTINELS          all Sentinels, host:port,…                                              (required)
#   REDIS_PORT         6379
#   REDIS_BIND         addresses to listen on, as for "bind"                                   ("* -::*")
#   REDIS_DIR          directory of the data                                                   (/data)
#   REDIS_MASTER_NAME  items
#   SECRETS            directory of the role "replication", see make-secrets.sh                (required)
#   TLS                directory of ca.crt, redis.crt and redis.key: TLS and nothing else      (none)
#   REDIS_KEY_PREFIX   the service's: its user may touch no key without it                     ("")
#   REPLICA_PRIORITY   what the node starts with: 0, so that Sentinel does not promote it before the keeper has seen it
#                      in sync and raised this to 100. A set without a keeper needs 100 here, or it never fails over.
# Further arguments go to redis-server, and win over the files.
set -eu

# A replica that lost this node longer ago than this is not waited for: Sentinel could have promoted it by now.
YIELD_SECONDS=30
# redis-server makes an append-only file of about 90 bytes before the first write.
EMPTY_BYTES=200

# All were killed in the moment of a promotion, and one Sentinel remembers it. The Sentinels tell each other every 2 s, and
# this is how often that is waited for, every quarter of a second.
LATER_WAITS=60

here=$(cd "$(dirname "$0")" && pwd)
say() { printf 'start-redis: %s\n' "$*"; }
# shellcheck disable=SC2034 # read by ask.sh
role=replication
# shellcheck source=/dev/null
. "$here/ask.sh"

: "${ANNOUNCE:?start-redis: ANNOUNCE is not set}" "${SENTINELS:?start-redis: SENTINELS is not set}"
port=${REDIS_PORT:-6379}
dir=${REDIS_DIR:-/data}
me=$ANNOUNCE:$port
# shellcheck source=/dev/null
. "$here/views.sh"

ask_node() { ask "$@" </dev/null; }

is_known() { known_replicas | grep -qxF "$me"; }

has_data() {
  bytes=$(cat "$dir"/appendonlydir/*.aof "$dir"/appendonlydir/*.rdb 2>/dev/null | head -c $((EMPTY_BYTES + 1)) | wc -c)
  [ "$bytes" -gt "$EMPTY_BYTES" ]
}

# A node that has received a full copy writes to this file until its append-only file is made anew from that copy.
# Killed before, what it has on disk is from before the copy.
is_stale() { [ -e "$dir/appendonlydir/temp-appendonly.aof.incr" ]; }

may_delete_us() {
  has_data || return 1
  case $(ask_node "$master" dbsize) in
    0) return 0 ;;
    # No answer. Sentinels that know us will find a successor; ones that do not have lost their memory, and the master
    # that they name may be about to start empty.
    '' | *[!0-9]*) ! is_known ;;
    *) return 1 ;;
  esac
}

everybody_is_empty() {
  has_data && return 1
  for node in $(known_replicas); do
    [ "$node" = "$me" ] || [ "$(ask_node "$node" dbsize)" = 0 ] || return 1
  done
}

# A replica of ours that could be promoted, and that was with us until seconds ago. What it acknowledged is in its
# memory; our own disk may lack the last moment, after a power cut. One at priority 0 is not waited for: nobody promotes
# it. After a restart of the whole set that is all of them, and each has only what was on its disk.
fresher_replica() {
  for node in $(known_replicas); do
    if ask_node "$node" info replication | awk -F: -v me="$me" -v limit="$YIELD_SECONDS" '
      { value[$1] = $2 }
      END {
        with_us = value["master_link_status"] == "up"
        gone = value["master_link_down_since_seconds"]
        lost_us = gone != "" && gone >= 0 && gone <= limit
        exit !(value["role"] == "slave" && value["master_host"] ":" value["master_port"] == me &&
          value["slave_priority"] > 0 && (with_us || lost_us))
      }'; then
      printf '%s\n' "$node"
      return
    fi
  done
}

# Said once per reason, and again every 10 s or so: a node that waits must say what for.
waits=0 last_reason=
wait_because() {
  if [ "$1" != "$last_reason" ] || [ $((waits % 40)) -eq 0 ]; then say "waiting: $1"; fi
  last_reason=$1 waits=$((waits + 1))
  sleep 0.25
}

mkdir -p "$dir"
later_waits=0
while :; do
  # shellcheck disable=SC2034 # read by the functions of views.sh
  views=$(views)
  master=$(named_master)
  if [ -z "$master" ]; then
    wait_because "no majority of the Sentinels ($SENTINELS) names a master"
  elif later=$(later_master "$master") && [ -n "$later" ] && [ "$later_waits" -lt "$LATER_WAITS" ]; then
    later_waits=$((later_waits + 1))
    wait_because "a Sentinel names $later, and at a later epoch than those that name $master"
  elif [ "$master" != "$me" ]; then
    if ! may_delete_us; then starts_as="replica of $master"; break; fi
    wait_because "the master $master is empty or about to be, and following it would delete what is in $dir. \
If the Sentinels have lost their volumes, see start-as-master in start-redis.sh"
  elif everybody_is_empty; then
    starts_as='master of a new set'
    break
  elif ! has_data || is_stale; then
    wait_because "this node was master and its data is gone or old; Sentinel has to promote another one first. If \
all others are at replica-priority 0 it cannot: set it to 100 on the one that has the newest data"
  elif [ ! -e "$dir/start-as-master" ] && ! is_remembered "$me" "$dir/sentinels"; then
    wait_because "the Sentinels name this node but remember no replica and no failover, so its data may be old. Find \
the node with the newest data. If it is not this one, start the Sentinels anew with it as INITIAL_MASTER. Then create \
the file start-as-master in its directory, here $dir"
  else
    fresher=$(fresher_replica)
    if [ -z "$fresher" ]; then starts_as=master; break; fi
    wait_because "this node was master, but $fresher is alive and as fresh or fresher; Sentinel promotes it"
  fi
done
say "$me starts as $starts_as"

rm -f "$dir/start-as-master"
remember_sentinels "$dir/sentinels"

# What a kill in the middle of a rewrite or of a full copy left behind, each as big as all the data.
rm -f "$dir"/temp-rewriteaof-*.aof "$dir"/temp-*.rdb

# Written anew every time: what CONFIG REWRITE left in it (Sentinel does that) must not outlive the decision above. Nor
# must the priority: a replica that was in sync when it stopped is not in sync when it comes back.
# A file and not arguments, because arguments show in ps.
umask 077
users "$here/users.acl" >"$dir/users.acl.new"
mv "$dir/users.acl.new" "$dir/users.acl"
{
  printf '%s\n' "include $(quoted "$here/redis.conf")" "bind ${REDIS_BIND:-* -::*}" "dir $(quoted "$dir")" \
    "replica-announce-ip $ANNOUNCE" "replica-announce-port $port" "replica-priority ${REPLICA_PRIORITY:-0}"
  listen_on "$port"
  # With a file of their own, the users are not mixed into what CONFIG REWRITE writes, and ACL LOAD reads them anew.
  # shellcheck disable=SC2154 # set by ask.sh
  printf '%s\n' "aclfile $(quoted "$dir/users.acl")" "masteruser $role" "masterauth $password"
  case $starts_as in replica*) printf 'replicaof %s %s\n' "${master%:*}" "${master##*:}" ;; esac
} >"$dir/node.conf.new"
mv "$dir/node.conf.new" "$dir/node.conf"

# To the disk once a second, in place of Redis, see appendfsync in redis.conf. The loop ends with the server, whose
# process this shell becomes. A sync without -d is that of macOS, which takes no files.
flush_while_alive() {
  while sleep 1 && kill -0 "$1" 2>/dev/null; do
    sync -d "$dir"/appendonlydir/*.aof 2>/dev/null || sync 2>/dev/null || true
  done
}
flush_while_alive "$$" &

exec redis-server "$dir/node.conf" "$@"
