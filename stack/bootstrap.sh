#!/bin/sh
# Installs what the local stack needs and the machine lacks: the npm packages, redis-server, nginx. Silent when all is
# there. Debian, Ubuntu, macOS. With --packages nothing but the npm packages. With --cuts also what the chaos suite cuts
# networks with, with --browser also the Chromium that the tests read /docs with, with --bench also the databases of the
# benchmark's peers, where these can be had: without them, what needs them is reported as not run.
set -eu

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

cd "$(dirname "$0")/.."
# Debian keeps nginx where an ordinary user's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin:/usr/local/bin

log=''
trap '[ -z "$log" ] || rm -f "$log"' EXIT
# quietly COMMAND…: shows the end of its output only when it fails.
quietly() {
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then rm -f "$log"; log=''; return; fi
  tail -n 15 "$log" >&2
  return 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_with_apt() {
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    fail "Only root can install packages, and there is no sudo. As root: apt-get install $packages"
  fi
  # This file tells Debian's install scripts not to start the services, which would take ports and memory.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
    trap 'as_root rm -f $policy; [ -z "$log" ] || rm -f "$log"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
  fi
  # Often it is another repository that fails; the installation will tell whether it matters.
  quietly as_root apt-get update -qq || say 'apt-get update failed, see above; going on with the package lists at hand.'
  # shellcheck disable=SC2086 # one word per package
  quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages ||
    fail "apt-get could not install $packages, see above."
}

# npm's own Node and not the one in node_modules, which npm ci deletes while it runs. In a function, because only there
# `set` leaves the options of this script alone.
npm_ci() {
  set -- npm
  if [ -n "${npm_execpath:-}" ] && [ -x "${npm_node_execpath:-}" ]; then set -- "$npm_node_execpath" "$npm_execpath"; fi
  quietly "$@" ci --no-audit --no-fund --loglevel=error
}

# npm writes this file last, so a broken installation has none.
installed=node_modules/.package-lock.json
if [ ! -e $installed ] || [ -n "$(find package-lock.json -newer $installed)" ]; then
  say 'Installing the npm packages (once).'
  npm_ci || fail 'npm ci failed, see above.'
fi
[ "${1:-}" != --packages ] || exit 0

packages=''
if ! command -v redis-server >/dev/null || ! command -v redis-cli >/dev/null; then packages='redis-server'; fi
if ! command -v nginx >/dev/null; then packages="$packages nginx"; fi
if [ -n "$packages" ]; then
  say "Installing $(printf %s "$packages" | sed 's/^ //; s/ / and /') (once)."
  if command -v apt-get >/dev/null; then
    install_with_apt
  elif command -v brew >/dev/null; then
    # shellcheck disable=SC2046 # one word per package; there, Redis is called redis
    quietly brew install --quiet $(printf %s "$packages" | sed 's/redis-server/redis/') ||
      fail "brew could not install $packages, see above."
  else
    fail "Neither apt-get nor brew is here to install ${packages# }: install it (Redis 7.0 or later) and start again."
  fi
fi

version=$(redis-server --version | sed 's/.* v=\([0-9.]*\).*/\1/')
[ "${version%%.*}" -ge 7 ] || fail "redis-server $version is too old: 7.0 or later is needed, see https://redis.io/downloads/."

# optionally WHAT: installs $packages where that is possible without asking anybody; else says what has to do without.
optionally() {
  if [ -n "$packages" ] && command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }; then
    packages=${packages# }
    say "Installing $packages (once)."
    (install_with_apt) || say "Going on without: $1."
  fi
}

for option in "$@"; do
  packages=''
  case $option in
    --cuts)
      [ "$(uname)" = Linux ] || continue
      command -v ip >/dev/null || packages='iproute2'
      command -v iptables >/dev/null || packages="$packages iptables"
      optionally 'networks cannot be cut'
      ;;
    --browser)
      command -v chromium >/dev/null || command -v google-chrome >/dev/null || packages='chromium'
      optionally 'no page is opened in a browser'
      ;;
    --bench)
      command -v nats-server >/dev/null || packages='nats-server'
      # Debian keeps its programs where no PATH looks.
      command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || packages="$packages postgresql"
      optionally 'what is measured over PostgreSQL or NATS'
      ;;
    *) fail "bootstrap.sh does not know $option." ;;
  esac
done
