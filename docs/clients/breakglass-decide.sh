#!/bin/sh
# Asks breakglass whether a deploy may pass a gate. Anything but a clear yes is a no.
#
# usage: breakglass-decide.sh SERVICE DEPLOY_ID [BRANCH [ARTIFACT]]
#
# environment: BREAKGLASS_URL    the portal, https://…
#              BREAKGLASS_TOKEN  the gate's token, or a token of the job's platform
#              GATE, DEPLOY_ACTOR, REQUIRE_ASSURANCE (sigstore)   optional
#
# exit: 0 bypass (its ID is printed), 10 enforce, 20 error; only 0 may ship.
# One call, two seconds. Needs a POSIX shell, curl, sed, grep and awk.

set -u
LC_ALL=C
export LC_ALL
umask 077

say() { printf 'breakglass: %s\n' "$*" >&2; }
enforce() {
    say "enforce ($1)"
    exit 10
}
trouble() {
    say "enforce: $1"
    exit 20
}
# The values go into JSON as they are, so only what needs no quoting may pass.
need() {
    case $2 in
        '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._/:@+-]*) trouble "$1 is missing or malformed" ;;
    esac
    [ "${#2}" -le 200 ] || trouble "$1 is too long"
}

[ "$#" -ge 2 ] && [ "$#" -le 4 ] ||
    trouble 'usage: breakglass-decide.sh SERVICE DEPLOY_ID [BRANCH [ARTIFACT]]'
service=$1 deploy_id=$2 branch=${3:-} artifact=${4:-}
gate=${GATE:-} actor=${DEPLOY_ACTOR:-} assurance=${REQUIRE_ASSURANCE:-}
url=${BREAKGLASS_URL:-}
url=${url%/}
token=${BREAKGLASS_TOKEN:-}
need SERVICE "$service"
need DEPLOY_ID "$deploy_id"
case $deploy_id in
    */*) trouble 'DEPLOY_ID must not contain a slash' ;;
esac
case $url in
    http://?* | https://?*) ;;
    *) trouble 'BREAKGLASS_URL is missing' ;;
esac
case $token in
    '' | *[!A-Za-z0-9._-]*) trouble 'BREAKGLASS_TOKEN is missing or malformed' ;;
esac
command -v curl >/dev/null 2>&1 || trouble 'curl is missing'

question="{\"service\":\"$service\",\"deploy_id\":\"$deploy_id\""
# add KEY VALUE: a field of the question, unless it is empty.
add() {
    [ -n "$2" ] || return 0
    need "$1" "$2"
    question="$question,\"$1\":\"$2\""
}
add branch "$branch"
add artifact "$artifact"
add gate "$gate"
add actor "$actor"
add require_assurance "$assurance"
question="$question}"

work=$(mktemp -d) || trouble 'no temporary folder'
trap 'rm -rf -- "$work"' EXIT

# The token goes through standard input: arguments are seen by every user.
status=$(
    printf 'header = "Authorization: Bearer %s"\n' "$token" |
        curl -q --config - --silent --show-error --proto '=http,https' \
            --max-time 2 --max-filesize 65536 --request POST \
            --header 'Content-Type: application/json' --data-binary "$question" \
            --output "$work/answer" --write-out '%{http_code}' \
            "$url/api/v1/decisions" 2>"$work/trouble"
) || trouble "no answer: $(tr -d '\r\n' <"$work/trouble" | cut -c 1-200)"
[ "$status" = 200 ] || trouble "the portal answered $status"

# One line of JSON, and none of it quoted: then `"KEY":` can stand in a key's place only.
tr -d '\r\n' <"$work/answer" >"$work/line"
printf '\n' >>"$work/line" # a last line without an end is no line to some seds
if grep -qF "\\" "$work/line" || ! grep -q '^{.*}$' "$work/line"; then
    trouble 'the answer cannot be read'
fi
# text KEY PATTERN: the value of a key, if it is a string of that form.
text() {
    sed -n "s/.*[{,] *\"$1\" *: *\"\\($2\\)\" *[,}].*/\\1/p" "$work/line"
}
# The verdict counts only as the very first key.
decision=$(sed -n 's/^{ *"decision" *: *"\([a-z]*\)" *,.*/\1/p' "$work/line")
reason=$(text reason '[a-z_]*')
case $decision in
    enforce) enforce "${reason:-no reason}" ;;
    bypass) ;;
    *) trouble 'the answer cannot be read' ;;
esac

bypass_id=$(text bypass_id 'BG-[0-9A-HJKMNP-TV-Z]\{6\}')
ends=$(text expires_at '[0-9][0-9-]*T[0-9:]*Z')
dots=$(printf '%s' "$deploy_id" | sed 's/\./\\./g') # the one letter that grep reads
grep -q "\"deploy\" *: *{ *\"id\" *: *\"$dots\" *, *\"state\" *: *\"admitted\" *}" \
    "$work/line" || trouble 'the answer is about another deploy'
[ "$reason" = grant_in_force ] && [ -n "$bypass_id" ] && [ -n "$ends" ] ||
    trouble 'the answer cannot be read'
awk -v now="$(date -u +%Y-%m-%dT%H:%M:%SZ)" -v ends="$ends" \
    'BEGIN { exit !((now "") < (ends "")) }' || enforce 'over by the clock of this machine'
say "bypass until $ends"
printf '%s\n' "$bypass_id"
