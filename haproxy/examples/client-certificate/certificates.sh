#!/bin/sh
# Makes the certificates of this example in a folder: a CA, a server's, and some clients'.
#
#   alice     good
#   bob       good once, and revoked
#   nameless  good, without a common name
#   doubled   good, with two common names
#   stranger  of another CA
set -eu
mkdir -p "$1"
cd "$1"
umask 077

openssl() {
    # Quiet unless something fails.
    command openssl "$@" 2>openssl.log || { cat openssl.log >&2; exit 1; }
}

cat >ca.cnf <<END
[ca]
default_ca = own
[own]
database = index.txt
default_md = sha256
default_crl_days = 30
END
: >index.txt

openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=Example CA" -keyout ca.key -out ca.pem
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=Another CA" -keyout other.key -out other.pem

# certificate NAME SUBJECT CA
certificate() {
    openssl req -newkey rsa:2048 -nodes -subj "$2" -keyout "$1.key" -out "$1.csr"
    openssl x509 -req -days 30 -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -set_serial "$serial" \
        -extfile "$1.ext" -out "$1.crt"
    cat "$1.crt" "$1.key" >"$1.pem"
    serial=$((serial + 1))
}

serial=1000
echo "subjectAltName = DNS:localhost, IP:127.0.0.1" >server.ext
certificate server "/CN=localhost" ca
for name in alice bob nameless doubled stranger; do
    echo "extendedKeyUsage = clientAuth" >"$name.ext"
done
certificate alice "/O=Example/CN=alice" ca
certificate bob "/O=Example/CN=bob" ca
certificate nameless "/O=Example" ca
certificate doubled "/O=Example/CN=alice/CN=root" ca
certificate stranger "/O=Example/CN=alice" other

openssl ca -config ca.cnf -cert ca.pem -keyfile ca.key -revoke bob.crt
openssl ca -config ca.cnf -cert ca.pem -keyfile ca.key -gencrl -out crl.pem
