#!/bin/sh
# Checks a receipt of breakglass offline, with the published keys only.
#
# usage: check-receipt.sh KEYS TENANT/GATE NONCE [ARTIFACT] <receipt
#
# KEYS is a file with what /.well-known/jwks.json answered, at most some minutes old.
# ARTIFACT is the digest that is about to be deployed; empty where the gate sent none.
# On success the bypass ID is printed. Needs jq and openssl.
#
# exit: 0 bypass (the receipt is good, and for this), 10 enforce, 20 error

set -u
LC_ALL=C
export LC_ALL
umask 077

say() { printf 'check-receipt: %s\n' "$*" >&2; }
enforce() {
    say "$1: enforce"
    exit 10
}
trouble() {
    say "$1: enforce"
    exit 20
}

[ "$#" -eq 3 ] || [ "$#" -eq 4 ] || trouble 'usage: check-receipt.sh KEYS TENANT/GATE NONCE [ARTIFACT] <receipt'
keys=$1
audience=breakglass:gate:$2
nonce=$3
artifact=${4:-}
command -v jq >/dev/null 2>&1 || trouble 'jq is missing'
command -v openssl >/dev/null 2>&1 || trouble 'openssl is missing'
[ -r "$keys" ] || trouble "cannot read $keys"
work=$(mktemp -d) || trouble 'no temporary folder'
trap 'rm -rf -- "$work"' EXIT

# decoded PART: base64url without padding, as the bytes.
decoded() {
    case $((${#1} % 4)) in
        2) pad='==' ;;
        3) pad='=' ;;
        *) pad='' ;;
    esac
    printf '%s%s' "$1" "$pad" | tr '_-' '/+' | openssl base64 -d -A
}
hex() { decoded "$1" | od -A n -v -t x1 | tr -d ' \n'; }

receipt=$(head -c 4097)
[ "${#receipt}" -le 4096 ] || enforce 'this is longer than a receipt'
case $receipt in
    '' | *[!A-Za-z0-9._-]* | *.*.*.*) enforce 'this is no receipt' ;;
    ?*.?*.?*) ;;
    *) enforce 'this is no receipt' ;;
esac
head=${receipt%%.*}
rest=${receipt#*.}
body=${rest%%.*}
signature=$(hex "${rest#*.}")
[ "${#signature}" -eq 128 ] || enforce 'the signature is not one of ES256'

kid=$(decoded "$head" | jq -er '
    select(.alg == "ES256" and .typ == "breakglass-receipt+jwt" and (has("crit") | not))
    | .kid | strings' 2>/dev/null) || enforce 'this is another kind of token'
point=$(jq -er --arg kid "$kid" '
    [.keys[] | select(.kid == $kid and .kty == "EC" and .crv == "P-256")]
    | select(length == 1) | .[0] | "\(.x) \(.y)"' "$keys" 2>/dev/null) ||
    enforce 'no published key has signed this'
x=$(hex "${point% *}")
y=$(hex "${point#* }")
[ "${#x}${#y}" = 6464 ] || trouble 'a published key is malformed'

# Both in the form that openssl reads: the key as SubjectPublicKeyInfo, the two numbers
# of the signature as a sequence.
cat >"$work/key.conf" <<END
asn1=SEQUENCE:key
[key]
kind=SEQUENCE:kind
point=FORMAT:HEX,BITSTRING:04$x$y
[kind]
algorithm=OID:id-ecPublicKey
curve=OID:prime256v1
END
cat >"$work/signature.conf" <<END
asn1=SEQUENCE:signature
[signature]
r=INTEGER:0x$(printf '%s' "$signature" | cut -c 1-64)
s=INTEGER:0x$(printf '%s' "$signature" | cut -c 65-128)
END
for part in key signature; do
    openssl asn1parse -genconf "$work/$part.conf" -noout -out "$work/$part.der" \
        >/dev/null 2>&1 || trouble "openssl cannot write the $part"
done
openssl pkey -pubin -inform DER -in "$work/key.der" -out "$work/key.pem" 2>/dev/null ||
    trouble 'a published key is no point of P-256'
printf '%s.%s' "$head" "$body" |
    openssl dgst -sha256 -verify "$work/key.pem" -signature "$work/signature.der" \
        >/dev/null 2>&1 || enforce 'the signature does not hold'

now=$(date +%s)
bypass_id=$(decoded "$body" | jq -er --arg aud "$audience" --arg nonce "$nonce" \
    --arg artifact "$artifact" --argjson now "$now" '
    select(.aud == $aud and .nonce == $nonce and .artifact == $artifact
      and .decision == "bypass"
      and (.exp | type) == "number" and $now < .exp and .exp <= $now + 65
      and (.iat | type) == "number" and .iat <= $now + 5)
    | .bypass_id | strings' 2>/dev/null) ||
    enforce 'the receipt is for something else, or over'
printf '%s\n' "$bypass_id"
