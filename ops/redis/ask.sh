# shellcheck shell=sh
# What the scripts here have in common: secrets, words of a configuration file, and one way to ask Redis. Sourced.

# secret NAME: what is in the file that NAME_FILE names, else NAME itself.
secret() { if [ -n "$(printenv "$1_FILE")" ]; then cat "$(printenv "$1_FILE")"; else printenv "$1" || true; fi; }
# quoted TEXT: as one word of a configuration file.
quoted() { printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"; }

# A paused process accepts connections and never answers, and redis-cli has no time-out for that. macOS has no timeout.
if command -v timeout >/dev/null; then at_most_1s() { timeout -s KILL 1 "$@"; }; else
  at_most_1s() { perl -e 'alarm 1; exec @ARGV' "$@"; }
fi

# ask PASSWORD HOST:PORT [COMMAND…]: the answer in raw lines, or nothing. Without a command they are read from stdin.
ask() {
  password=$1 address=$2
  shift 2
  set -- redis-cli --raw -h "${address%:*}" -p "${address##*:}" "$@"
  answer=$(REDISCLI_AUTH=$password at_most_1s "$@" 2>/dev/null) || return 0
  printf '%s\n' "$answer" | tr -d '\r'
}
