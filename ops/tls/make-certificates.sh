#!/bin/sh
# Makes certificates for development: an authority of its own, one certificate for nginx and one for Redis and Sentinel.
# In production put your own files in their places. Run again, it makes what is missing, ends within a month or was signed
# by another authority. An authority lasts for ten years, so that a new certificate is one that everybody trusts already.
#
#   sh make-certificates.sh DIR [NAME|IP…]      further names by which clients reach nginx or the nodes
#
#   DIR/ca.crt  ca.key        whom clients and instances trust; the key signs and is needed by nobody else
#   DIR/nginx.crt  nginx.key  for localhost and the further names
#   DIR/redis.crt  redis.key  for redis-1 to 4, sentinel-1 to 3, localhost and the further names
set -eu
dir=${1:?make-certificates: no directory is given}
shift
days=365
ca_days=3650
month_s=2592000

umask 077
mkdir -p "$dir"
config=$dir/request.cnf
trap 'rm -f "$config" "$dir"/*.csr "$dir"/*.new' EXIT

# lasts NAME: whether certificate and key are there, of this authority, and good for another month.
lasts() {
  [ -s "$dir/$1.key" ] && openssl x509 -in "$dir/$1.crt" -noout -checkend "$month_s" >/dev/null 2>&1 &&
    openssl verify -CAfile "$dir/ca.crt" "$dir/$1.crt" >/dev/null 2>&1
}
# put NAME: NAME.key.new and NAME.crt.new into the files of before, which stay the same files: compose mounts each by itself,
# and a container never sees another one that took its place.
put() {
  for kind in key crt; do cat "$dir/$1.$kind.new" >"$dir/$1.$kind"; done
}
# alternatives NAME|IP…: as openssl writes them.
alternatives() {
  for name in "$@"; do
    case $name in *[!0-9.]*) printf 'DNS:%s,' "$name" ;; *) printf 'IP:%s,' "$name" ;; esac
  done | sed 's/,$//'
}

if ! lasts ca; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$ca_days" -subj '/CN=item-integration development' \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -keyout "$dir/ca.key.new" -out "$dir/ca.crt.new" 2>/dev/null
  put ca
fi

# leaf NAME ALTERNATIVE…
leaf() {
  file=$1
  shift
  if lasts "$file"; then return; fi
  printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' \
    'extendedKeyUsage=serverAuth,clientAuth' "subjectAltName=$(alternatives "$@")" >"$config"
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$file" \
    -keyout "$dir/$file.key.new" -out "$dir/$file.csr" 2>/dev/null
  openssl x509 -req -in "$dir/$file.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days "$days" \
    -extfile "$config" -out "$dir/$file.crt.new" 2>/dev/null
  put "$file"
}
leaf nginx localhost 127.0.0.1 "$@"
leaf redis redis-1 redis-2 redis-3 redis-4 sentinel-1 sentinel-2 sentinel-3 localhost 127.0.0.1 "$@"

# The programs in the containers run as other users; nobody else gets through the directory.
chmod 644 "$dir"/*.crt "$dir/nginx.key" "$dir/redis.key"
