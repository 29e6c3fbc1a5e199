"""Whatever is sent in whatever language: no failure of ours, and never a yes."""

import base64
import json
from pathlib import Path

import pytest

from breakglass.models import Deploy
from tests import factories
from tests.conformance import vectors
from tests.conformance.api.gate_client import call

FOLDER = Path(__file__).parent
# One body of each language that passes under a grant, and where a yes would stand.
PASSING = {
    "authzen": ("permit", ("decision",), True),
    "gatekeeper": ("header", ("response", "items", 0, "value", "mode"), "bypass"),
    "kubernetes": ("create-passes", ("response", "allowed"), True),
    "kyverno": ("passes", ("mode",), "bypass"),
    "opa": ("allow", ("result",), True),
}
ODD = (
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "\u0000",
    "ｃｈｅｃｋｏｕｔ",
    [],
    {},
    [[]],
    {"a": 1},
)
SPOILED = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{}",
    b"{",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b'{"a": NaN}',
    b'{"a": 1, "a": 2}',
    b'{"a": "\\ud800"}',
    b'{"a": ' + b"9" * 400 + b"}",
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
)


def passing(language):
    """Returns the address, the body and the headers of a call that passes."""
    name, _, _ = PASSING[language]
    vector = vectors.load(FOLDER / language)[name]
    path = vector["call"]["path"].removesuffix("/{token}")
    return path, json.loads(vector["call"]["body"])


def is_yes(answer, language):
    """Says whether an answer would let a deploy pass."""
    found = json.loads(answer.content)
    for key in PASSING[language][1]:
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            return False
    return found == PASSING[language][2]


def places(value, path=()):
    """Yields the path of every value in a document."""
    yield path
    if isinstance(value, dict):
        inside = value.items()
    else:
        inside = enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from places(inner, (*path, key))


def spoiled(value, path, odd):
    """Returns the document with another value at one place."""
    copy = json.loads(json.dumps(value))
    if not path:
        return odd
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = odd
    return copy


@pytest.fixture
def granted(acme, people, gate):
    """A grant of one deploy of checkout, so that any yes would be seen."""
    bypass = factories.request(acme, people.oncall, gate)
    return factories.approve(bypass, people.peer).grant


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", PASSING)
def test_bytes_that_are_no_question_get_a_no(language, granted, gate_token):
    path, _ = passing(language)
    for raw in SPOILED:
        answer = call("POST", path, token=gate_token, raw=raw)

        assert 400 <= answer.status_code < 500 or answer.status_code == 200, raw[:40]
        assert not is_yes(answer, language), raw[:40]
        assert answer["Cache-Control"] == "no-store"
    assert not Deploy.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", PASSING)
def test_a_body_too_large_is_not_even_read(language, granted, gate_token):
    path, _ = passing(language)

    answer = call(
        "POST", path, token=gate_token, raw=b"{}", **{"Content-Length": "9" * 30}
    )

    assert answer.status_code == 413
    assert not is_yes(answer, language)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", PASSING)
def test_another_type_at_any_place_fails_nowhere(language, granted, gate_token):
    """Some of it is still a question about what the grant covers, and may pass."""
    path, body = passing(language)
    for place in places(body):
        for odd in ODD:
            raw = json.dumps(spoiled(body, place, odd)).encode()
            answer = call("POST", path, token=gate_token, raw=raw)

            assert answer.status_code < 500, (place, odd, answer.content)
            assert b"internal_error" not in answer.content, (place, odd)
    assert set(Deploy.objects.values_list("service", flat=True)) <= {"checkout"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", PASSING)
def test_nobody_else_is_answered(
    language, granted, gate, gate_token, other_gate_token, database_gate
):
    """Another tenant's token, another gate's, and none at all: each a no."""
    path, body = passing(language)
    tokens = (other_gate_token, factories.token(database_gate), vectors.UNKNOWN_TOKEN)
    for token in (*tokens, ""):
        answer = call("POST", path, token=token, body=body)

        assert not is_yes(answer, language)
        assert granted.request.bypass_id not in answer.content.decode()
    for header in ("Basic YTpi", f"Bearer {gate_token} x", base64.b64encode(b"x" * 99)):
        answer = call("POST", path, body=body, Authorization=header)
        assert not is_yes(answer, language)
    assert not Deploy.objects.exists()
