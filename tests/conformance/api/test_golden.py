"""
The contract with every gate: what it sends, and what it gets, byte for byte.

A golden file says what is given, which calls came before, the call, and its reply. In a
reply `<time>`, `<uuid>`, `<bypass_id>`, `<jws>` and `<seconds>` stand for values of
that form. A change to one of these files is a change for every gate there is.
"""

import json
import re
from pathlib import Path

import pytest

from tests.conformance.api.gate_client import call

FOLDER = Path(__file__).parent / "golden"
FILES = {
    file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))
}
GRANTED = {n: f for n, f in FILES.items() if f["given"] == "a grant in force"}
UNGRANTED = {n: f for n, f in FILES.items() if f["given"] == "no grant"}
FORMS = {
    "<time>": r"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\dZ",
    "<uuid>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<bypass_id>": r"BG-[0-9A-HJKMNP-TV-Z]{6}",
    "<jws>": r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}",
}
TOKENS = {"none": "", "unknown": "bg_live_" + "x" * 43}


def played(step, *, token, advance):
    """Makes one call of a golden file; or time pass."""
    if "advance" in step:
        return advance(step["advance"])
    headers = dict(step.get("headers", {}))
    options = {}
    if "Content-Type" in headers:
        options["content_type"] = headers.pop("Content-Type")
    return call(
        step["method"],
        step["path"],
        token=TOKENS.get(step.get("token"), token),
        body=step.get("body"),
        raw=step["raw"].encode() if "raw" in step else None,
        **options,
        **headers,
    )


def matches(expected, found):
    """Compares a reply with the golden one: same keys, same order, same values."""
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        assert list(expected) == list(found)
        for key, value in expected.items():
            matches(value, found[key])
    elif expected == "<seconds>":
        assert isinstance(found, int)
        assert 880 <= found <= 900
    elif expected in FORMS:
        assert re.fullmatch(FORMS[expected], found)
    else:
        assert found == expected
        assert type(found) is type(expected)


def checked(golden, *, token, advance):
    """Plays a golden file and compares the reply."""
    for step in golden["before"]:
        played(step, token=token, advance=advance)

    answer = played(golden["call"], token=token, advance=advance)

    assert answer.status_code == golden["status"], answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    matches(golden["reply"], answer.json())


# The grant is really signed, and signing refuses to wait inside a transaction.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("golden", GRANTED.values(), ids=GRANTED.keys())
def test_with_a_grant_in_force_the_reply_is_the_golden_one(
    golden, gate_token, active_grant, advance
):
    checked(golden, token=gate_token, advance=advance)


def test_without_a_grant_the_reply_is_the_golden_one(gate_token, advance, subtests):
    for name, golden in UNGRANTED.items():
        with subtests.test(name):
            checked(golden, token=gate_token, advance=advance)


def test_every_golden_file_is_played():
    assert len(GRANTED) + len(UNGRANTED) == len(FILES)
