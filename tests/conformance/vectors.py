"""Golden vectors: what is sent, and what comes back, over a real connection."""

import base64
import http.client
import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

FORMS = {
    "<time>": r"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\dZ",
    "<clock>": r"[0-2]\d:[0-5]\d",
    "<uuid>": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<bypass_id>": r"BG-[0-9A-HJKMNP-TV-Z]{6}",
    "<base>": r"https?://[a-z0-9.:-]+",
}
UNKNOWN_TOKEN = "bg_live_" + "x" * 43


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self):
        """Returns the body, parsed."""
        return json.loads(self.body)


def load(folder):
    """Returns the vectors of a folder, by name."""
    return {
        file.stem: json.loads(file.read_text())
        for file in sorted(Path(folder).glob("*.json"))
    }


def send(base, call, *, token):
    """Makes one call of a vector."""
    place = urlsplit(base)
    peer = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    headers = {
        name: filled(value, token) for name, value in call.get("headers", {}).items()
    }
    raw = bytes_of(call)
    try:
        peer.putrequest(call["method"], filled(call["path"], token))
        for name, value in {"Content-Length": str(len(raw)), **headers}.items():
            peer.putheader(name, value)
        peer.endheaders(raw)
        found = peer.getresponse()
        return Answer(found.status, found.headers, found.read())
    finally:
        peer.close()


def bytes_of(call):
    """Returns the exact bytes of a call's body."""
    if "body_base64" in call:
        return base64.b64decode(call["body_base64"])
    return call.get("body", "").encode()


def filled(text, token):
    """Puts the gate's token, or one that nobody has, into its place."""
    return text.replace("{token}", token).replace("{unknown token}", UNKNOWN_TOKEN)


def matches(expected, found, at="reply"):
    """Compares: same keys, same order, same types, same values or forms."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), at
        assert list(expected) == list(found), at
        for key, value in expected.items():
            matches(value, found[key], f"{at}.{key}")
    elif isinstance(expected, list):
        assert isinstance(found, list), at
        assert len(expected) == len(found), at
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            matches(one, other, f"{at}[{number}]")
    elif expected == "<seconds>":
        assert type(found) is int, at
        assert 600 <= found <= 900, at
    elif isinstance(expected, str):
        assert isinstance(found, str), at
        assert re.fullmatch(pattern(expected), found), (at, expected, found)
    else:
        assert found == expected, at
        assert type(found) is type(expected), at


def pattern(expected):
    """Returns the regular expression for a text in which forms may stand."""
    parts = re.split("(" + "|".join(map(re.escape, FORMS)) + ")", expected)
    return "".join(FORMS.get(part, re.escape(part)) for part in parts)


def play(base, vector, *, token):
    """Plays a vector and compares status, headers and reply with what it says."""
    for call in vector["before"]:
        send(base, call, token=token)

    answer = send(base, vector["call"], token=token)

    assert answer.status == vector["status"], answer.body
    for name, value in vector["headers"].items():
        assert answer.headers[name] == value, (name, answer.headers[name])
    matches(vector["reply"], answer.json())
