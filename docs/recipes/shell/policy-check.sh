#!/bin/sh
# The control itself: refuses an artefact that nobody signed.
#
# usage: policy-check.sh ARTEFACT
# exit:  0 the artefact may ship, 1 refused, 2 cannot tell
#
# This example wants a signature file beside the artefact. Put your own check in its
# place, such as `cosign verify-blob`: only its exit status counts.

set -u

if [ "$#" -ne 1 ]; then
    echo "usage: policy-check.sh ARTEFACT" >&2
    exit 2
fi
if [ ! -f "$1" ]; then
    echo "policy-check: there is no file $1" >&2
    exit 2
fi
if [ ! -s "$1.sig" ]; then
    echo "policy-check: $1 is not signed ($1.sig is missing or empty)" >&2
    exit 1
fi
echo "policy-check: $1 is signed"
