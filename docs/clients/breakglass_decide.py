#!/usr/bin/env python3
"""
Asks breakglass whether a deploy may pass a gate. Anything but a clear yes is a no.

usage: breakglass_decide.py SERVICE DEPLOY_ID [--branch B] [--artifact sha256:…]
                            [--gate G] [--actor A] [--require-assurance sigstore]

BREAKGLASS_URL is the portal, BREAKGLASS_TOKEN the gate's token or a token of the job's
platform. Exit: 0 bypass (its ID is printed), 10 enforce, 20 error; only 0 may ship. One
call, two seconds. Python 3.9 or later and its standard library.
"""

import argparse
import http
import json
import os
import re
import sys
import threading
import urllib.error
import urllib.request
from datetime import datetime, timezone

BYPASS, ENFORCE, ERROR = 0, 10, 20
SECONDS = 2.0
LONGEST = 65536


class Trouble(Exception):
    """There is no clear answer; the message says why."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Whoever is redirected would take the token to another host."""

    def redirect_request(self, *_args, **_words):
        return None


def ask(url, token, question, *, seconds=SECONDS):
    """
    Returns the answer's JSON object, or raises Trouble.

    The whole call ends within `seconds`: a socket's own timeout is for each read only,
    and says nothing about names that do not resolve or answers that drip.
    """
    found = []

    def call():
        try:
            found.append(_call(url, token, question, seconds))
        except Exception as error:  # noqa: BLE001  # whatever it was, the answer is no
            found.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise Trouble(f"no answer within {seconds:g} seconds")
    if isinstance(found[0], Exception):
        raise Trouble(f"no answer: {found[0]}") from found[0]
    return found[0]


def judge(answer, deploy_id, *, now=None):
    """Returns (exit code, bypass ID or reason); raises Trouble for no clear answer."""
    now = now or datetime.now(timezone.utc)
    if answer.get("decision") == "enforce":
        return ENFORCE, str(answer.get("reason"))
    deploy = {"id": deploy_id, "state": "admitted"}
    bypass_id, ends = answer.get("bypass_id"), answer.get("expires_at")
    if (
        answer.get("decision") != "bypass"
        or answer.get("reason") != "grant_in_force"
        or answer.get("deploy") != deploy
        or answer.get("dry_run") is not False
        or not isinstance(bypass_id, str)
        or not re.fullmatch(r"BG-[0-9A-HJKMNP-TV-Z]{6}", bypass_id)
        or not isinstance(ends, str)
    ):
        raise Trouble("the answer cannot be read, or is about another deploy")
    try:
        form = "%Y-%m-%dT%H:%M:%SZ"
        ends_at = datetime.strptime(ends, form).replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise Trouble("the answer's end cannot be read") from error
    if ends_at <= now:
        return ENFORCE, "over by the clock of this machine"
    return BYPASS, bypass_id


def _call(url, token, question, seconds):
    request = urllib.request.Request(  # noqa: S310  # http and https only: main()
        f"{url.rstrip('/')}/api/v1/decisions",
        data=json.dumps(question).encode(),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        },
        method="POST",
    )
    opener = urllib.request.build_opener(_NoRedirects)
    with opener.open(request, timeout=seconds) as answer:
        if answer.status != http.HTTPStatus.OK:
            raise Trouble(f"the portal answered {answer.status}")
        raw = answer.read(LONGEST + 1)
    if len(raw) > LONGEST:
        raise Trouble("the answer is too long")
    said = json.loads(raw.decode("utf-8"), object_pairs_hook=_object)
    if not isinstance(said, dict):
        raise Trouble("the answer is no object")
    return said


def _object(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Trouble("a key stands twice in the answer")
    return found


def main(argv):
    """Returns the exit code; prints the bypass ID, and everything else as an error."""
    # Without -h: its exit code is 0, which would ship a service of that name.
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.error = lambda message: _ends(ERROR, f"enforce: {message}")
    parser.add_argument("service")
    parser.add_argument("deploy_id")
    for name in ("branch", "artifact", "gate", "actor", "require-assurance"):
        parser.add_argument(f"--{name}", default="")
    given = vars(parser.parse_args(argv))
    url = os.environ.get("BREAKGLASS_URL", "")
    token = os.environ.get("BREAKGLASS_TOKEN", "")
    question = {name: value for name, value in given.items() if value}
    if not url.startswith(("http://", "https://")):
        return _told(ERROR, "enforce: BREAKGLASS_URL is missing")
    if not re.fullmatch(r"[A-Za-z0-9._-]+", token):
        return _told(ERROR, "enforce: BREAKGLASS_TOKEN is missing or malformed")
    try:
        code, said = judge(ask(url, token, question), given["deploy_id"])
    except Trouble as trouble:
        return _told(ERROR, f"enforce: {trouble}")
    if code == BYPASS:
        sys.stdout.write(f"{said}\n")
        return code
    return _told(code, f"enforce ({said})")


def _told(code, message):
    sys.stderr.write(f"breakglass: {message}\n")
    return code


def _ends(code, message):
    sys.exit(_told(code, message))


if __name__ == "__main__":
    try:
        CODE = main(sys.argv[1:])
    except Exception as error:  # noqa: BLE001  # a fault of this file is no permission either
        CODE = _told(ERROR, f"enforce: {error!r}")
    sys.stdout.flush()
    os._exit(CODE)  # not held up by a call that still waits
