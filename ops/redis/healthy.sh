#!/bin/sh
# The healthcheck of a container: exit code 0 when the Redis node, or the Sentinel, in it does its work.
#
#   sh healthy.sh node      a master, or a replica that follows its master
#   sh healthy.sh sentinel  knows the master, and sees quorum and majority: it could have the master replaced
#
# SECRETS, REDIS_MASTER_NAME as for start-redis.sh and start-sentinel.sh.
set -eu

case ${1:-} in
  node) role=replication ;;
  sentinel) role=sentinel ;;
  *) echo 'healthy: node or sentinel?' >&2; exit 1 ;;
esac
# shellcheck source=/dev/null
. "$(dirname "$0")/ask.sh"

case $role in
  replication) ask 127.0.0.1:6379 info replication | grep -qE '^(role:master|master_link_status:up)' ;;
  sentinel) ask 127.0.0.1:26379 sentinel ckquorum "${REDIS_MASTER_NAME:-items}" | grep -q '^OK' ;;
esac
