"""Hostile questions to real processes: no failure of ours, and no wrong bypass."""

import json
import random

import pytest
from pydantic import ValidationError

from breakglass.errors import InvalidInput
from breakglass.models import Deploy
from breakglass.services import grants
from portal.api import strict_json
from portal.api.schemas import DecisionQuestion
from tests import factories
from tests.flows.replicas.conftest import Asker

pytestmark = pytest.mark.django_db(transaction=True)

COUNTS = [
    pytest.param(600, id="some"),
    pytest.param(200_000, id="many", marks=pytest.mark.soak),
]
EACH_GRANT = 5_000
WORDS = (
    *("checkout", "payments", "Checkout", "checkout/", "checkout\u0000", "*", "check*"),
    *(
        "ｃｈｅｃｋｏｕｔ",
        "cheсkout",
        "checkout ",
        "",
        "main",
        "Main",
        "m\u0131ain",
        "../main",
    ),
    *("a" * 200, "a" * 201, "\ud800", "'; DROP TABLE x; --", "%s", "{0}", "\n"),
)
ODD = (None, True, 0, -1, 10**17, 1e308, [], {}, [[[[]]]], {"service": "checkout"})
NAMES = (
    *("service", "deploy_id", "branch", "artifact", "actor", "gate", "dry_run"),
    *("require_assurance", "grant", "bypass_id", "__class__", "Service"),
)
PIECES = (
    *(b'"', b"{", b"}", b"[", b",", b"\\u0000", b"\\ud800", b"\xff", b"\xef\xbb\xbf"),
    *(b'"service":"checkout",', b"NaN", b"1" * 30, b"[" * 20, b" " * 100),
)
HEADERS = (
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/json; charset=utf-16"},
    {"Authorization": "Bearer bg_live_" + "x" * 43},
    {"Authorization": "Basic YTpi"},
    {"Authorization": "Bearer " + "a" * 5000},
    {"X-Forwarded-Proto": "https"},
    {"Content-Encoding": "gzip"},
)


def question(chance, number):
    """A body that is right, or is spoiled in one of many ways."""
    body = {"service": "checkout", "branch": "main", "deploy_id": f"run-{number}"}
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        body[chance.choice(NAMES)] = chance.choice((*WORDS, *ODD))
    raw = json.dumps(body, ensure_ascii=chance.random() < 0.9).encode(
        "utf-8", "surrogatepass"
    )
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        at = chance.randrange(len(raw) + 1)
        cut = at + chance.choice((0, 0, 1, 5))
        raw = raw[:at] + chance.choice(PIECES) + raw[cut:]
    return raw


def may_pass(raw):
    """Says whether these bytes ask about what the grant covers, by another reading."""
    try:
        asked = DecisionQuestion.model_validate(strict_json.parse(raw))
    except (ValidationError, InvalidInput, strict_json.Malformed):
        return False
    is_ours = asked.gate in {"", "prod-deploy"}
    return is_ours and (asked.service, asked.branch) == ("checkout", "main")


def another(grant, tenant, people, gate):
    """Opens a grant on `checkout` and `main`, in place of the one before."""
    if grant is not None:
        grants.revoke(
            tenant=tenant,
            bypass_id=grant.request.bypass_id,
            person=people.oncall,
            reason="Renewed.",
        )
    bypass = factories.request(tenant, people.oncall, gate, branch="main")
    return factories.approve(bypass, people.peer).grant


@pytest.mark.parametrize("count", COUNTS)
def test_whatever_is_sent_nothing_fails_and_only_what_is_covered_passes(
    listening, acme, people, gate, gate_token, count
):
    chance = random.Random(count)  # noqa: S311 - the same ones each time
    grant = None
    askers = [Asker(port, gate_token) for port in listening]
    passed = set()
    for number in range(count):
        if number % EACH_GRANT == 0:  # a long hunt outlasts one
            grant = another(grant, acme, people, gate)
        raw = question(chance, number)
        headers = chance.choice(HEADERS) if chance.random() < 0.1 else {}
        status, answer = chance.choice(askers).send(raw, **headers)

        assert status < 500, (raw, headers, answer)
        if answer["decision"] == "bypass":
            assert may_pass(raw), (raw, headers, answer)
            assert "Authorization" not in headers
            if not answer["dry_run"]:
                passed.add(answer["deploy"]["id"])
        else:
            assert answer["decision"] == "enforce"
    assert len(passed) > count // 20
    assert set(Deploy.objects.values_list("deploy_id", flat=True)) == passed
    for asker in askers:
        asker.close()
