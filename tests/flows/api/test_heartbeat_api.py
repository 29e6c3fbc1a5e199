"""Gates say that they are alive, and with which configuration."""

import pytest

from breakglass.models import AuditEntry
from tests.conformance.api.gate_client import (
    HEARTBEAT,
    assert_enforced,
    beat,
    call,
    rows,
)

DIGEST = "sha256:" + "3a" * 32
OTHER = "sha256:" + "4b" * 32


def test_a_heartbeat_is_noted(gate, gate_token):
    answer = beat(gate_token, gate="prod-deploy", config_digest=DIGEST)

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert (answer.json()["gate"], answer.json()["config_digest"]) == (
        "prod-deploy",
        DIGEST,
    )
    gate.refresh_from_db()
    assert gate.last_seen_at is not None
    assert gate.config_digest == DIGEST


def test_a_changed_configuration_goes_on_record(gate_token):
    beat(gate_token, config_digest=DIGEST)
    beat(gate_token, config_digest=DIGEST)
    assert not AuditEntry.objects.filter(event="gate.config_changed").exists()

    beat(gate_token, config_digest=OTHER)

    assert AuditEntry.objects.filter(event="gate.config_changed").count() == 1


def test_a_heartbeat_without_a_digest_keeps_the_known_one(gate, gate_token):
    beat(gate_token, config_digest=DIGEST)

    assert beat(gate_token).json()["config_digest"] == DIGEST


MALFORMED = (
    {"config_digest": "a b"},
    {"config_digest": None},
    {"config_digest": 1},
    {"config_digest": "x" * 201},
    {"digest": DIGEST},
    {"gate": ""},
)


def test_a_malformed_heartbeat_is_refused_and_nothing_is_written(gate_token, subtests):
    before = rows()
    for fields in MALFORMED:
        with subtests.test(fields=str(fields)[:40]):
            answer = beat(gate_token, **fields)

            assert_enforced(answer, status=422, code="invalid_input")
    assert rows() == before


def test_a_gate_cannot_speak_for_another(gate_token, database_gate):
    before = rows()

    assert_enforced(
        beat(gate_token, gate="db-migrate"), status=403, code="not_permitted"
    )
    assert rows() == before


def test_without_the_right_token_nothing_is_noted(gate, subtests):
    for token in ("", "bg_live_" + "x" * 43):
        with subtests.test(token=token):
            assert_enforced(beat(token), status=401, code="unauthenticated")
    gate.refresh_from_db()
    assert gate.last_seen_at is None


@pytest.mark.django_db
def test_other_methods_are_refused():
    answer = call("GET", HEARTBEAT)

    assert_enforced(answer, status=405, code="method_not_allowed")
