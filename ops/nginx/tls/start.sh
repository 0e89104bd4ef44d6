#!/bin/sh
# Starts nginx with TLS. Its configuration cannot read the environment, and where a redirect leads is on the outside:
# TLS_PORT is the port under which clients see it.
set -eu
case ${TLS_PORT:-443} in 443) port='' ;; *) port=:$TLS_PORT ;; esac
# shellcheck disable=SC2016 # a variable of nginx
printf 'map "" $https_port { default "%s"; }\n' "$port" >/tmp/nginx/https-port.conf
exec nginx -p /tmp/nginx/ -c /etc/nginx/nginx.conf -g 'pid /tmp/nginx/nginx.pid; daemon off;'
