#!/bin/sh
# Makes a random password for each role that has none yet, and for the nodes and Sentinels the list of who may come in.
# Run again, it changes nothing; a role that a newer version knows is added.
#
#   sh make-secrets.sh DIR [--readable]
#
#   DIR/ROLE/password                      64 hexadecimal digits, 256 bits
#   DIR/replication/users, DIR/sentinel/users   "ROLE #SHA-256" for every role: who checks a password need not know it
#   DIR/exporter/passwords.json    the exporter's for each of EXPORTER_TARGETS (host:port,…), as redis_exporter reads it
#
# Each role has a directory of its own, so that a container can be given its own and no other. --readable is for volumes
# that are mounted where they are needed and nowhere else: the programs that read them run as different users.
set -eu

: "${1:?make-secrets: no directory is given}"
dir=$1
umask 077
case ${2:-} in
  '') mode=400 ;;
  --readable) mode=444 ;;
  *) printf 'make-secrets: what is %s?\n' "$2" >&2; exit 1 ;;
esac

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}
# put FILE: standard input, all of it or nothing.
put() {
  cat >"$1.new"
  chmod "$mode" "$1.new"
  mv -f "$1.new" "$1"
}

users=
for role in service keeper replication sentinel exporter operator; do
  mkdir -p "$dir/$role"
  file=$dir/$role/password
  [ -s "$file" ] || head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' | put "$file"
  users="$users$role #$(tr -d '\n' <"$file" | sha256)
"
done
for role in replication sentinel; do printf %s "$users" | put "$dir/$role/users"; done

# By address, so that it gives the password to nobody else: whoever reaches the exporter may have it ask any address.
exporter_password=$(cat "$dir/exporter/password")
if [ -n "${EXPORTER_TARGETS:-}" ]; then
  for target in $(printf %s "$EXPORTER_TARGETS" | tr , ' '); do
    printf '"%s://exporter@%s":"%s",\n' redis "$target" "$exporter_password" rediss "$target" "$exporter_password"
  done | sed '1s/^/{/; $s/,$/}/' | put "$dir/exporter/passwords.json"
fi
