"""Gates: their tokens are hashes here, and their heartbeat tells of changes."""

from hashlib import sha256

import pytest
from django.db import IntegrityError, connection, transaction

from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, InvalidInput, NotFound
from breakglass.models import Gate, GateToken
from breakglass.queries import access
from breakglass.services.gates import registry, tokens
from breakglass.services.tenancy import tenants
from tests import factories


def asking(token):
    return access.gate_by_token(token_hash=sha256(token.encode()).digest())


def change(gate, **fields):
    return registry.change(
        gate=gate,
        actor=OPERATOR,
        **{
            "name": "X",
            "environment": "",
            "data_class": "",
            "is_active": True,
            **fields,
        },
    )


def test_a_token_is_shown_once_and_only_its_hash_is_stored(gate):
    token = factories.token(gate)

    assert token.startswith("bg_live_")
    assert len(token) > 48
    row = GateToken.objects.get()
    assert bytes(row.token_hash) == sha256(token.encode()).digest()
    assert row.prefix == token[:12]
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM breakglass_gatetoken t")
        assert token[12:] not in cursor.fetchone()[0]


def test_each_token_is_another_and_both_work(gate):
    one, two = factories.token(gate), factories.token(gate)

    assert one != two
    assert asking(one) == asking(two) == gate


def test_a_revoked_token_asks_nothing_more(gate):
    token, kept = factories.token(gate), factories.token(gate)
    row = GateToken.objects.get(token_hash=sha256(token.encode()).digest())

    tokens.revoke(gate=gate, token_id=row.pk, actor=OPERATOR)

    assert asking(token) is None
    assert asking(kept) == gate
    with pytest.raises(Conflict, match="revoked already"):
        tokens.revoke(gate=gate, token_id=row.pk, actor=OPERATOR)


def test_a_gate_revokes_its_own_tokens_only(gate, database_gate):
    factories.token(gate)

    with pytest.raises(NotFound):
        tokens.revoke(
            gate=database_gate, token_id=GateToken.objects.get().pk, actor=OPERATOR
        )
    assert GateToken.objects.get().revoked_at is None


def test_no_token_works_for_a_gate_or_a_tenant_that_is_switched_off(acme, gate):
    token = factories.token(gate)
    assert asking(token + "x") is None

    change(gate, is_active=False)
    assert asking(token) is None

    change(gate)
    tenants.change(tenant=acme, actor=OPERATOR, name="Acme", is_active=False)
    assert asking(token) is None


def test_a_gate_exists_once_a_tenant(acme, gate, charlie):
    with pytest.raises(Conflict):
        factories.gate(acme, gate.slug)

    assert factories.gate(factories.tenant_of(charlie), gate.slug) != gate


def test_what_is_malformed_is_refused_by_its_field(acme):
    cases = {
        "slug": {"slug": "a/b"},
        "slug ": {"slug": ""},
        "slug  ": {"slug": "a" * 201},
        "slug   ": {"slug": "prod\n"},
        "name": {"name": ""},
        "name ": {"name": "x" * 101},
        "environment": {"environment": "two words"},
        "environment ": {"environment": "x" * 101},
        "data_class": {"data_class": "é"},
        "data_class ": {"data_class": "x" * 101},
    }
    honest = {"slug": "g", "name": "G", "environment": "", "data_class": ""}
    for field, wrong in cases.items():
        with pytest.raises(InvalidInput) as error:
            registry.register(tenant=acme, actor=OPERATOR, **{**honest, **wrong})
        assert error.value.field == field.strip()

    assert not Gate.objects.exists()


def test_the_database_itself_keeps_a_gates_name_plain(gate):
    with pytest.raises(IntegrityError, match="identifier"), transaction.atomic():
        Gate.objects.filter(pk=gate.pk).update(slug="two words")


def test_a_heartbeat_keeps_the_digest_when_it_says_nothing_of_it(gate):
    registry.heartbeat(gate=gate, config_digest="sha256:aa")
    seen = registry.heartbeat(gate=gate, config_digest="")

    assert seen.config_digest == "sha256:aa"
    assert seen.last_seen_at is not None
    with pytest.raises(InvalidInput):
        registry.heartbeat(gate=gate, config_digest="two words")
