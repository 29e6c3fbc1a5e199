#!/bin/sh
# Ships an artefact through a gate that can be bypassed, but never switched off.
#
# usage: deploy.sh ARTEFACT
#
# The policy check decides. When it refuses, breakglass is asked: `bypass` ships and
# writes the bypass ID into the release, everything else is `enforce`. It is asked again
# before each later stage, so that a window that closes stops the deploy in flight.
#
# exit: 0 shipped, 1 failed, 2 usage, 3 refused (nothing was shipped),
#       4 stopped in flight and rolled back
#
# README.md beside this file lists the environment variables.

set -u
LC_ALL=C
export LC_ALL
umask 022

say() { printf 'deploy: %s\n' "$*"; }
warn() { printf 'deploy: %s\n' "$*" >&2; }
usage() {
    warn "$1"
    exit 2
}

# --- what to ship, where to, and whom to ask ------------------------------------------

[ "$#" -eq 1 ] || usage "usage: deploy.sh ARTEFACT"
artefact_file=$1
[ -f "$artefact_file" ] || usage "there is no file $artefact_file"

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
BREAKGLASS_URL=${BREAKGLASS_URL:-}
BREAKGLASS_URL=${BREAKGLASS_URL%/}
BREAKGLASS_TOKEN=${BREAKGLASS_TOKEN:-}
BREAKGLASS_TENANT=${BREAKGLASS_TENANT:-}
GATE=${GATE:-}
SERVICE=${SERVICE:-}
BRANCH=${BRANCH:-}
DEPLOY_ID=${DEPLOY_ID:-shell-$(date -u +%Y%m%dT%H%M%SZ)-$$}
DEPLOY_ACTOR=${DEPLOY_ACTOR:-}
TARGET=${TARGET:-}
STAGE_PAUSE=${STAGE_PAUSE:-0}
POLICY_CHECK=${POLICY_CHECK:-$here/policy-check.sh}

# The values go into JSON, addresses and file names as they are: so only what needs no
# quoting in any of them may pass.
is_identifier() {
    case $1 in
        '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._/:@+-]*) return 1 ;;
    esac
    [ "${#1}" -le 200 ]
}
need() {
    is_identifier "$2" || usage "$1 must be set: letters, digits and . _ / : @ + -"
}
need GATE "$GATE"
need SERVICE "$SERVICE"
need DEPLOY_ID "$DEPLOY_ID"
[ -z "$BRANCH" ] || need BRANCH "$BRANCH"
[ -z "$DEPLOY_ACTOR" ] || need DEPLOY_ACTOR "$DEPLOY_ACTOR"
[ -z "$BREAKGLASS_TENANT" ] || need BREAKGLASS_TENANT "$BREAKGLASS_TENANT"
case $DEPLOY_ID in
    */*) usage "DEPLOY_ID must not contain a slash" ;;
esac
case $STAGE_PAUSE in
    '' | *[!0-9]*) usage "STAGE_PAUSE must be a number of seconds" ;;
esac
[ -n "$TARGET" ] || usage "TARGET must be set: the directory to ship into"

digest_of() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum <"$1" | cut -d ' ' -f 1
    else
        shasum -a 256 <"$1" | cut -d ' ' -f 1
    fi
}
hex=$(digest_of "$artefact_file")
case $hex in
    *[!0-9a-f]*) hex='' ;;
esac
[ "${#hex}" -eq 64 ] || {
    warn "cannot compute the SHA-256 of $artefact_file"
    exit 1
}
ARTIFACT=sha256:$hex

release=$TARGET/releases/$DEPLOY_ID
current=$TARGET/current
[ ! -e "$release" ] || usage "$release exists already: a new deploy needs a new DEPLOY_ID"
before=''
if [ -L "$current" ]; then
    before=$(readlink -- "$current") || exit 1
elif [ -e "$current" ]; then
    usage "$current is not a symbolic link"
fi

work=$(mktemp -d) || exit 1
clean() { rm -rf -- "$work"; }
trap clean EXIT

# --- asking breakglass ----------------------------------------------------------------

# call METHOD PATH BODY: the answer goes to $work/answer, its status to $status (000 for
# none). Two tries of 2 seconds; what the portal refused is not asked again.
call() {
    status=000
    for _try in 1 2; do
        : >"$work/answer"
        # The token goes through standard input: arguments are seen by every user.
        status=$(
            printf 'header = "Authorization: Bearer %s"\n' "$BREAKGLASS_TOKEN" |
                curl -q --config - --silent --show-error --proto '=http,https' \
                    --max-time 2 --max-filesize 65536 --request "$1" \
                    --header 'Content-Type: application/json' --data-binary "$3" \
                    --output "$work/answer" --write-out '%{http_code}' \
                    "$BREAKGLASS_URL$2" 2>"$work/trouble"
        ) || status=000
        case $status in
            000 | 5??) ;;
            *) return 0 ;;
        esac
    done
    return 0
}

# may_ask: whether there is anybody to ask, and the token needs no quoting.
may_ask() {
    case $BREAKGLASS_URL in
        http://?* | https://?*) ;;
        *) return 1 ;;
    esac
    case $BREAKGLASS_TOKEN in
        '' | *[!A-Za-z0-9_-]*) return 1 ;;
    esac
}

# text KEY PATTERN: the value of a key, if it is a string of that form. The answer is one
# line of JSON without a backslash (ask() has made sure), so no string in it holds a
# quote, and `"KEY":` can stand nowhere but in a key's place.
text() {
    sed -n "s/.*[{,] *\"$1\" *: *\"\\($2\\)\" *[,}].*/\\1/p" "$work/line"
}

# ask: sets $verdict, $reason and $bypass_id. `bypass` needs every single check to pass.
ask() {
    verdict=enforce
    id=$(printf '%s' "$DEPLOY_ID" | sed 's/\./\\./g') # the one letter that grep reads
    reason=nobody_to_ask
    bypass_id=''
    body="{\"gate\":\"$GATE\",\"service\":\"$SERVICE\",\"branch\":\"$BRANCH\""
    body="$body,\"artifact\":\"$ARTIFACT\",\"deploy_id\":\"$DEPLOY_ID\""
    body="$body,\"actor\":\"$DEPLOY_ACTOR\"}"
    may_ask || return 0
    call POST /api/v1/decisions "$body"
    tr -d '\r\n' <"$work/answer" >"$work/line"
    printf '\n' >>"$work/line" # a last line without an end is no line to some seds
    if [ "$status" != 200 ]; then
        reason=no_answer_$status
        return 0
    fi
    reason=unreadable_answer
    if grep -qF "\\" "$work/line" || ! grep -q '^{.*}$' "$work/line"; then
        return 0
    fi
    # The verdict counts only as the very first key.
    said=$(sed -n 's/^{ *"decision" *: *"\([a-z]*\)" *,.*/\1/p' "$work/line")
    why=$(text reason '[a-z_]*')
    if [ "$said" = enforce ] && [ -n "$why" ]; then
        reason=$why
    fi
    [ "$said" = bypass ] || return 0
    [ "$why" = grant_in_force ] || return 0
    [ -n "$(text expires_at '[0-9TZ:.-]*')" ] || return 0
    # The admitted deploy must be this one.
    grep -q "\"deploy\" *: *{ *\"id\" *: *\"$id\" *, *\"state\" *: *\"admitted\" *}" \
        "$work/line" || return 0
    found=$(text bypass_id 'BG-[0-9A-HJKMNP-TV-Z]\{6\}')
    [ -n "$found" ] || return 0
    verdict=bypass
    reason=$why
    bypass_id=$found
}

# report STATE: tells the portal how the deploy ended. Returns 0 when that is on record,
# 1 when the portal says no (the window had closed), 2 when it did not answer.
report() {
    [ -n "$bypass_used" ] || return 0
    call PATCH "/api/v1/deploys/$DEPLOY_ID" "{\"gate\":\"$GATE\",\"state\":\"$1\"}"
    case $status in
        200) return 0 ;;
        4??) return 1 ;;
    esac
    return 2
}

request_link() {
    if [ -z "$BREAKGLASS_URL" ] || [ -z "$BREAKGLASS_TENANT" ]; then
        printf '%s/' "$BREAKGLASS_URL"
        return
    fi
    printf '%s/t/%s/requests/new?gate=%s&service=%s&branch=%s&artifact=%s' \
        "$BREAKGLASS_URL" "$BREAKGLASS_TENANT" "$GATE" "$SERVICE" "$BRANCH" "$ARTIFACT" |
        sed 's/+/%2B/g' # the only letter of an identifier that means another in a query
}

# --- shipping, and taking it back -----------------------------------------------------

bypass_used=''
copied=''

pointing_to() { readlink -- "$current" 2>/dev/null; }

# point WHERE: makes `current` point there, in one step where mv can.
point() {
    rm -f -- "$current.$$"
    ln -s -- "$1" "$current.$$" || return 1
    mv -fT -- "$current.$$" "$current" 2>/dev/null ||
        mv -fh -- "$current.$$" "$current" 2>/dev/null || {
        rm -f -- "$current.$$"
        ln -sfn -- "$1" "$current" || return 1
    }
    [ "$(pointing_to)" = "$1" ]
}

roll_back() {
    if [ "$(pointing_to)" = "releases/$DEPLOY_ID" ]; then
        if [ -n "$before" ]; then
            point "$before" || warn "CANNOT SWITCH BACK to $before: look at $current"
        else
            rm -f -- "$current"
        fi
    fi
    if [ -n "$copied" ]; then
        rm -rf -- "$release"
        copied=''
    fi
    say "rolled back; current is ${before:-nothing}"
}

fail() {
    warn "$1"
    roll_back
    report failed || true
    exit 1
}

interrupted() {
    trap - HUP INT TERM
    fail "interrupted"
}

# still_allowed STAGE: waits, asks again, and stops the deploy when the window is over.
still_allowed() {
    sleep "$STAGE_PAUSE"
    [ -n "$bypass_used" ] || return 0
    ask
    if [ "$verdict" = bypass ] && [ "$bypass_id" = "$bypass_used" ]; then
        return 0
    fi
    warn "STOPPED before $1: breakglass says enforce ($reason)"
    roll_back
    case $reason in
        expired | revoked | ended) ;; # the portal has reverted it already
        *) report failed || true ;;
    esac
    exit 4
}

copy() {
    mkdir -p -- "$TARGET/releases" || return 1
    mkdir -- "$release" || return 1 # fails when another run took this ID meanwhile
    copied=yes
    cp -- "$artefact_file" "$release/artefact" || return 1
    # What was approved is what is shipped, even if the file changed under us.
    [ "sha256:$(digest_of "$release/artefact")" = "$ARTIFACT" ] || return 1
    under=null
    [ -z "$bypass_used" ] || under="\"$bypass_used\""
    {
        printf '{\n  "deploy_id": "%s",\n  "service": "%s",\n' "$DEPLOY_ID" "$SERVICE"
        printf '  "branch": "%s",\n  "artifact": "%s",\n' "$BRANCH" "$ARTIFACT"
        printf '  "bypass_id": %s,\n' "$under"
        printf '  "shipped_at": "%s"\n}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    } >"$release/release.json"
}

confirm() {
    [ "sha256:$(digest_of "$current/artefact")" = "$ARTIFACT" ]
}

# --- the deploy -----------------------------------------------------------------------

trap interrupted HUP INT TERM
if "$POLICY_CHECK" "$artefact_file"; then
    say "the policy check passed: shipping without a bypass"
else
    say "the policy check refused; asking breakglass for gate $GATE"
    ask
    if [ "$verdict" != bypass ]; then
        warn "REFUSED: breakglass says enforce ($reason)"
        [ ! -s "$work/trouble" ] || warn "$(head -n 1 "$work/trouble")"
        warn "to ask for a bypass: $(request_link)"
        exit 3
    fi
    bypass_used=$bypass_id
    say "BYPASS $bypass_used: shipping under a bypass, on record"
fi
copy || fail "stage 1 failed: cannot copy the artefact to $release"
say "stage 1: copied to $release"

still_allowed "the switch"
point "releases/$DEPLOY_ID" || fail "stage 2 failed: cannot switch $current"
say "stage 2: current is $DEPLOY_ID"

still_allowed "the confirmation"
confirm || fail "stage 3 failed: $current does not hold the artefact"

report succeeded
case $? in
    0) ;;
    1)
        warn "STOPPED: the bypass closed before the deploy was done"
        roll_back
        exit 4
        ;;
    *) warn "the portal did not take the report; it will ask what became of $DEPLOY_ID" ;;
esac
trap - HUP INT TERM
say "shipped $ARTIFACT as $DEPLOY_ID${bypass_used:+ under $bypass_used}"
