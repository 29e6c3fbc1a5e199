"""Tokens: rotated with an hour's overlap, revoked at once, gone with their gate."""

import base64
from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import IntegrityError, connection, transaction

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, InvalidInput, NotFound
from breakglass.models import AuditEntry, GateContact, GateToken
from breakglass.queries import access, certainty
from breakglass.queries.gates import overview
from breakglass.services.gates import registry, tokens
from tests import factories
from tests.conformance.api.gate_client import ask, assert_enforced

HOUR = 3600


def asking(token):
    return access.gate_by_token(token_hash=sha256(token.encode()).digest())


def row(token):
    return GateToken.objects.get(token_hash=sha256(token.encode()).digest())


def test_after_rotating_both_work_for_an_hour_and_then_only_the_new(gate, advance):
    old = factories.token(gate)

    new, ended = tokens.rotate(gate=gate, token_id=row(old).pk, actor=OPERATOR)

    assert asking(old) == asking(new) == gate
    assert ended.expires_at - clock.db_now() <= timedelta(hours=1)
    advance(HOUR - 1)
    assert asking(old) == gate
    advance(1)
    assert asking(old) is None
    assert asking(new) == gate
    entry = AuditEntry.objects.get(event="token.superseded")
    assert new.encode() not in bytes(entry.body)


def test_rotating_twice_never_gives_the_old_one_more_time(gate, advance):
    old = factories.token(gate)
    tokens.rotate(gate=gate, token_id=row(old).pk, actor=OPERATOR)
    ends = row(old).expires_at
    advance(1800)

    with pytest.raises(Conflict, match="rotated already"):
        tokens.rotate(gate=gate, token_id=row(old).pk, actor=OPERATOR)

    assert row(old).expires_at == ends
    with pytest.raises(IntegrityError, match="set once"), transaction.atomic():
        GateToken.objects.filter(pk=row(old).pk).update(
            expires_at=ends + timedelta(days=1)
        )


def test_a_revoked_token_is_not_rotated_and_another_gates_is_not_found(
    gate, database_gate
):
    old = factories.token(gate)
    with pytest.raises(NotFound):
        tokens.rotate(gate=database_gate, token_id=row(old).pk, actor=OPERATOR)
    tokens.revoke(gate=gate, token_id=row(old).pk, actor=OPERATOR)

    with pytest.raises(Conflict, match="revoked already"):
        tokens.rotate(gate=gate, token_id=row(old).pk, actor=OPERATOR)
    assert GateToken.objects.count() == 1


def test_the_database_keeps_every_token_that_ever_was(gate):
    factories.token(gate)
    with (
        pytest.raises(IntegrityError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM breakglass_gatetoken")


def test_a_retired_gate_asks_nothing_more_for_good(gate):
    one, two = factories.token(gate), factories.token(gate)

    registry.retire(gate=gate, reason="The pipeline moved.", actor=OPERATOR)

    gate.refresh_from_db()
    assert (gate.is_active, gate.is_retired) == (False, True)
    assert asking(one) is asking(two) is None
    assert not GateToken.objects.filter(revoked_at__isnull=True).exists()
    for again in (
        lambda: registry.retire(gate=gate, reason="Again", actor=OPERATOR),
        lambda: registry.turn(gate=gate, is_active=True, actor=OPERATOR),
        lambda: tokens.issue(gate=gate, actor=OPERATOR),
    ):
        with pytest.raises(Conflict, match="retired"):
            again()


def test_a_gate_with_a_request_that_waits_is_not_retired(gate, pending_request):
    with pytest.raises(Conflict, match="end it first"):
        registry.retire(gate=gate, reason="The pipeline moved.", actor=OPERATOR)
    gate.refresh_from_db()
    assert gate.is_active


@pytest.mark.django_db(transaction=True)
def test_a_gate_whose_bypass_is_in_force_is_not_retired(gate, active_grant, advance):
    with pytest.raises(Conflict, match="end it first"):
        registry.retire(gate=gate, reason="The pipeline moved.", actor=OPERATOR)

    advance(15 * 60)
    assert registry.retire(gate=gate, reason="Moved.", actor=OPERATOR).is_retired


def test_a_paused_gate_is_answered_401_until_it_is_resumed(gate):
    token = factories.token(gate)

    registry.turn(gate=gate, is_active=False, actor=OPERATOR)
    assert asking(token) is None
    with pytest.raises(Conflict, match="not in use already"):
        registry.turn(gate=gate, is_active=False, actor=OPERATOR)

    registry.turn(gate=gate, is_active=True, actor=OPERATOR)
    assert asking(token) == gate


def test_what_describes_a_gate_is_checked(acme, gate, charlie):
    theirs = factories.tenant_of(charlie).roles.first()
    honest = {"kind": "shell", "owner": None, "service": ""}
    for field, wrong in {
        "kind": {"kind": "carrier-pigeon"},
        "owner": {"owner": theirs},
        "service": {"service": "two words"},
    }.items():
        with pytest.raises(InvalidInput) as error:
            registry.describe(gate=gate, actor=OPERATOR, **{**honest, **wrong})
        assert error.value.field == field


def test_no_gate_takes_an_address_of_the_portal(acme):
    with pytest.raises(InvalidInput, match="address of the portal"):
        factories.gate(acme, "new")


def test_a_token_has_256_random_bits_behind_a_prefix_and_only_its_hash_is_kept(gate):
    made = [factories.token(gate) for _ in range(20)]

    bits = {
        base64.urlsafe_b64decode(token.removeprefix("bg_live_") + "=") for token in made
    }
    assert len(bits) == 20
    assert {len(one) for one in bits} == {32}
    for token in made:
        stored = GateToken.objects.filter(pk=row(token).pk).values().get()
        assert bytes(stored["token_hash"]) == sha256(token.encode()).digest()
        assert stored["prefix"] == token[:12]
        assert token[12:] not in str(stored)


def test_a_token_ends_by_itself_after_a_year_and_its_end_never_moves(gate, advance):
    old = factories.token(gate)
    end = row(old).lives_until
    assert end - row(old).created_at == timedelta(days=365)
    with pytest.raises(IntegrityError, match="set once"), transaction.atomic():
        GateToken.objects.filter(pk=row(old).pk).update(
            lives_until=end + timedelta(days=1)
        )

    advance(365 * 24 * HOUR - 60)
    assert asking(old) == gate
    new, _ = tokens.rotate(gate=gate, token_id=row(old).pk, actor=OPERATOR)
    advance(60)

    assert asking(old) is None  # the hour of rotating gives no more than it had
    assert asking(new) == gate


def test_how_long_tokens_live_is_the_platforms_choice(gate, settings):
    settings.TOKEN_LIFETIME = None
    assert row(factories.token(gate)).lives_until is None
    settings.TOKEN_LIFETIME = timedelta(days=30)

    short = row(factories.token(gate))

    assert short.lives_until - short.created_at == timedelta(days=30)


def test_the_gates_page_hears_of_a_token_two_weeks_before_its_end(gate, advance):
    token = factories.token(gate)

    def seen():
        (found,) = overview.tokens_of(gate=gate, now=clock.db_now())
        return found.state, found.is_ageing

    assert seen() == ("live", False)
    advance((365 - 14) * 24 * HOUR)
    assert seen() == ("live", True)
    advance(14 * 24 * HOUR)
    assert seen() == ("over", False)
    assert asking(token) is None


def test_a_token_that_has_run_out_is_refused_wherever_tokens_are_read(gate, advance):
    token = factories.token(gate)
    name = sha256(token.encode()).digest()
    words = {"token_hash": name, "service": "checkout", "deploy_id": "run-1"}

    def ahead():
        driver = connection.connection
        found = certainty.reading(driver, **words)
        assert (name in certainty.askers(driver)) == (found is not None)
        return found

    assert ahead().asker.expires_at == row(token).lives_until
    assert ask(token).status_code == 200
    advance(365 * 24 * HOUR)

    assert ahead() is None
    assert_enforced(ask(token), status=401, code="unauthenticated")
    assert GateContact.objects.latest("pk").outcome == "token_expired"
