#!/bin/sh
# redis-cli as the operator, without the password on the command line.
#
#   docker compose run --rm operator sh /ops/redis/cli.sh redis-1:6379 [COMMAND…]
set -eu

role=operator
# shellcheck source=/dev/null
. "$(dirname "$0")/ask.sh"
address=${1:?cli: host:port is missing}
shift
# shellcheck disable=SC2154 # set by ask.sh
REDISCLI_AUTH=$password exec redis-cli ${TLS:+--tls --cacert "$TLS/ca.crt"} --user "$role" -h "${address%:*}" -p "${address##*:}" "$@"
