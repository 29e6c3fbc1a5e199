"""The contract with gates that speak another language: bytes in, bytes out."""

from pathlib import Path

import pytest

from tests import factories
from tests.conformance import vectors

FOLDER = Path(__file__).parent
LANGUAGES = sorted(one.name for one in FOLDER.iterdir() if one.is_dir())
ALL = {
    f"{language}/{name}": vector
    for language in LANGUAGES
    for name, vector in vectors.load(FOLDER / language).items()
}
GIVEN = {
    "no grant": None,
    "a grant": {},
    "a grant for branch hotfix/oom": {"branch": "hotfix/oom"},
    "a grant for an artifact": {"artifact": f"sha256:{'9f' * 32}"},
}


# A real server and its threads; the grant is really signed.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("given", GIVEN)
def test_the_reply_is_the_golden_one(
    given, live_server, acme, people, gate, gate_token, subtests
):
    if GIVEN[given] is not None:
        bypass = factories.request(acme, people.oncall, gate, **GIVEN[given])
        factories.approve(bypass, people.peer)
    played = {name: one for name, one in ALL.items() if one["given"] == given}
    assert played
    for name, vector in played.items():
        with subtests.test(name):
            vectors.play(live_server.url, vector, token=gate_token)


def test_every_vector_starts_from_something_that_is_known():
    assert {vector["given"] for vector in ALL.values()} <= set(GIVEN)
    assert LANGUAGES
