# shellcheck shell=sh
# What the scripts here have in common: secrets, users, words of a configuration file, and one way to ask Redis. Sourced.
# SECRETS is the directory of one role, as make-secrets.sh makes it; the script that sources this sets $role. With TLS, a
# directory with ca.crt, and for who listens redis.crt and redis.key, there is nothing but TLS, in both directions.

: "${SECRETS:?the directory with the password is not set, see make-secrets.sh}"
password=$(tr -d '\r\n' <"$SECRETS/password")
[ -n "$password" ] || { printf '%s/password is empty\n' "$SECRETS" >&2; exit 1; }

# quoted TEXT: as one word of a configuration file.
quoted() { printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"; }

# listen_on PORT: the lines of a configuration file for it. Who has no certificate of its own may come, with a password.
listen_on() {
  if [ -z "${TLS:-}" ]; then printf 'port %s\n' "$1"; return; fi
  printf '%s\n' 'port 0' "tls-port $1" 'tls-replication yes' 'tls-auth-clients no' 'tls-protocols "TLSv1.2 TLSv1.3"' \
    "tls-ca-cert-file $(quoted "$TLS/ca.crt")" \
    "tls-cert-file $(quoted "$TLS/redis.crt")" "tls-key-file $(quoted "$TLS/redis.key")" \
    'tls-ciphers ECDHE+AESGCM:ECDHE+CHACHA20'
}

# users RULES: the rules of that file with passwords, one user on a line, as "aclfile" takes them. Who is not on the list
# of users is off. Redis does not start with a rule for a command that it does not know.
users() {
  case $(redis-server --version) in *' v=7.0.'*) unknown=+client\|setinfo ;; *) unknown='' ;; esac
  awk -v prefix="${REDIS_KEY_PREFIX:-}" -v unknown="$unknown" '
    FNR == NR { hash[$1] = $2; next }
    /^#/ || NF == 0 { next }
    /^user / { if (line != "") print line; line = "user " $2 (($2 in hash) ? " on " hash[$2] : " off"); next }
    { gsub(/%PREFIX%/, prefix); for (i = 1; i <= NF; i++) if ($i != unknown) line = line " " $i }
    END { print line }' "$SECRETS/users" "$1"
}

# A paused process accepts connections and never answers, and redis-cli has no time-out for that. macOS has no timeout.
if command -v timeout >/dev/null; then at_most_1s() { timeout -s KILL 1 "$@"; }; else
  at_most_1s() { perl -e 'alarm 1; exec @ARGV' "$@"; }
fi

# ask HOST:PORT [COMMAND…]: the answer in raw lines, or nothing. Without a command they are read from stdin.
ask() {
  address=$1
  shift
  # The password is in the environment and not an argument, because arguments show in ps.
  # shellcheck disable=SC2154,SC2086 # $role is set by who sources this; no word, or two that have no space
  set -- redis-cli --raw ${TLS:+--tls --cacert "$TLS/ca.crt"} --user "$role" -h "${address%:*}" -p "${address##*:}" "$@"
  answer=$(REDISCLI_AUTH=$password at_most_1s "$@" 2>/dev/null) || return 0
  printf '%s\n' "$answer" | tr -d '\r'
}

# ask_patiently HOST:PORT COMMAND…: the same, asked again for some seconds while there is no answer: on a busy machine one
# that is well may be silent for a second.
ask_patiently() {
  asks=5
  while said=$(ask "$@" </dev/null) && [ -z "$said" ] && [ "$asks" -gt 1 ]; do
    asks=$((asks - 1))
    sleep 0.5
  done
  [ -z "$said" ] || printf '%s\n' "$said"
}
