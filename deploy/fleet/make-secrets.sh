#!/bin/sh
# Makes the secrets of compose.yaml in ./secrets, each a file that its owner alone can read; what is there stays.
#
#   sh make-secrets.sh [NAME-OR-ADDRESS]...     by which agents on other machines reach this one
set -eu
umask 077
folder="${SECRETS:-$(dirname "$0")/secrets}"
mkdir -p "$folder"
cd "$folder"

random() { openssl rand -hex 24; }
[ -s kafka_password ] || random > kafka_password
[ -s root_token ] || random > root_token
# What lets the agent in; it is made by the coordinator, once that runs.
[ -e enrolment_token ] || : > enrolment_token

key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
if [ ! -s ca.pem ]; then
  key ca.key
  openssl req -x509 -new -key ca.key -days 3650 -subj "/CN=Sightline fleet" -out ca.pem \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign
fi
if [ ! -s kafka.pem ] || [ $# -gt 0 ]; then
  names=DNS:kafka,DNS:localhost,IP:127.0.0.1
  for name in "$@"; do
    case "$name" in
      *:* | *[!0-9.]*[!a-zA-Z0-9.-]*) kind=IP ;;
      *[a-zA-Z]*) kind=DNS ;;
      *) kind=IP ;;
    esac
    names="$names,$kind:$name"
  done
  key kafka.key
  openssl req -new -key kafka.key -subj /CN=kafka -out kafka.csr
  printf '%s\n' "subjectAltName=$names" extendedKeyUsage=serverAuth basicConstraints=critical,CA:FALSE \
    keyUsage=critical,digitalSignature subjectKeyIdentifier=hash authorityKeyIdentifier=keyid > kafka.ext
  openssl x509 -req -in kafka.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 730 -extfile kafka.ext -out kafka.crt 2> /dev/null
  cat kafka.key kafka.crt > kafka.pem
  rm -f kafka.key kafka.crt kafka.csr kafka.ext ca.srl
fi
echo "in $folder: $(ls | tr '\n' ' ')"
