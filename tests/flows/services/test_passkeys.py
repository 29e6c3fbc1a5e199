"""Passkeys: what makes one, what it may do, and what is refused without a trace."""

import base64
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    PasskeyRefused,
)
from breakglass.models import (
    AuditEntry,
    Credential,
    CredentialNotice,
)
from breakglass.queries.people import passkeys as queries
from breakglass.services.people import accounts, passkeys
from tests import authenticator, factories
from tests.authenticator import DAY, UP, UV, Authenticator
from tests.flows.services import steps

pytestmark = pytest.mark.django_db


def test_the_log_keeps_all_that_a_verifier_needs_of_a_new_passkey(acme, people):
    made = authenticator.enrol(people.peer, name="Laptop")

    said = steps.facts(acme, "credential.enrolled")
    entry = AuditEntry.objects.get(tenant=acme, event="credential.enrolled")
    notice = CredentialNotice.objects.get()
    padded = said["public_key"] + "=" * (-len(said["public_key"]) % 4)
    key = load_der_public_key(base64.urlsafe_b64decode(padded))
    assert key.public_numbers() == made.key.public_key().public_numbers()
    assert (said["person"], said["id"]) == (
        people.peer.email,
        str(people.peer.public_id),
    )
    assert (said["name"], said["algorithm"], said["rp_id"]) == (
        "Laptop",
        -7,
        "localhost",
    )
    assert said["credential"] == authenticator.b64(made.credential_id)
    assert said["cool_down_seconds"] == DAY
    assert datetime.fromisoformat(said["usable_from"]) == notice.usable_from
    assert notice.usable_from == entry.at + timedelta(seconds=DAY)
    assert notice.logged_at == entry.at


@pytest.mark.parametrize(
    "bent",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://sub.localhost:8000"},
        {"rp_id": "evil.example"},
        {"flags": UP},
        {"flags": UV},
        {"crossOrigin": True},
        {"type": "webauthn.get"},
        {"cose": {1: 2, 3: -35, -1: 2, -2: b"x" * 48, -3: b"y" * 48}},
        {"cose": {1: 3, 3: -257, -1: b"\xff" * 128, -2: b"\x01\x00\x01"}},
    ],
)
def test_a_bad_enrolment_is_refused_and_leaves_nothing(acme, people, bent):
    asked = passkeys.begin_enrolment(user=people.peer)
    answer = Authenticator().attest(asked.challenge, **bent)
    before = steps.size(acme)

    with pytest.raises(PasskeyRefused):
        passkeys.enrol(
            user=people.peer, name="X", answer=answer, challenge=asked.challenge
        )

    assert not Credential.objects.exists()
    assert steps.size(acme) == before


def test_an_enrolment_for_another_challenge_or_of_garbage_is_refused(acme, people):
    asked = passkeys.begin_enrolment(user=people.peer)
    good = Authenticator().attest(asked.challenge)
    words = {"user": people.peer, "name": "X"}

    with pytest.raises(PasskeyRefused, match="another question"):
        passkeys.enrol(**words, answer=good, challenge=b"\1" * 32)
    for answer in (
        replace(good, client_data=b"{}"),
        replace(good, client_data=b"\xff"),
        replace(good, attestation_object=b""),
        replace(good, attestation_object=b"\xa0"),
        replace(good, attestation_object=good.attestation_object[:-9]),
    ):
        with pytest.raises(PasskeyRefused):
            passkeys.enrol(**words, answer=answer, challenge=asked.challenge)
    assert not Credential.objects.exists()


def test_a_credential_belongs_to_one_person_for_ever(acme, people):
    made = authenticator.enrol(people.peer)
    with pytest.raises(Conflict):
        authenticator.enrol(people.approver1, authenticator=made)

    passkeys.revoke(
        user=people.peer,
        public_id=Credential.objects.get().public_id,
        reason="Old.",
        actor=people.peer.as_actor(),
    )
    with pytest.raises(Conflict):
        authenticator.enrol(people.approver1, authenticator=made)


def test_machines_and_closed_accounts_have_no_passkeys(acme, people):
    machine = factories.person("bot@acme.example", "Bot", kind="machine")
    accounts.deactivate(user=people.peer, actor=OPERATOR)

    for person in (machine, people.peer):
        with pytest.raises(NotPermitted):
            authenticator.enrol(person)


def test_somebody_who_joins_a_tenant_brings_their_passkeys_to_its_log(
    acme, people, charlie, advance
):
    authenticator.enrol(people.peer)
    advance(2 * DAY)
    globex = factories.tenant_of(charlie)

    factories.join(globex, people.peer, "peers")
    factories.join(globex, people.peer, "on-call")

    notices = CredentialNotice.objects.order_by("pk")
    assert [row.tenant for row in notices] == [acme, globex]
    assert steps.events(globex).count("credential.enrolled") == 1
    now = clock.db_now()
    assert queries.standing(tenant=acme, user=people.peer, now=now).usable
    there = queries.standing(tenant=globex, user=people.peer, now=now)
    assert not there.usable
    assert there.cooling_until == notices[1].usable_from
    assert (
        steps.facts(globex, "credential.enrolled")["usable_from"]
        > steps.facts(acme, "credential.enrolled")["usable_from"]
    )


def test_a_removal_is_in_every_log_that_names_the_passkey(acme, people, charlie):
    globex = factories.tenant_of(charlie)
    factories.join(globex, people.peer, "peers")
    made = authenticator.enrol(people.peer)
    factories.leave(globex, people.peer, "peers")
    words = {"user": people.peer, "actor": people.peer.as_actor()}
    public_id = made.credential.public_id

    with pytest.raises(InvalidInput):
        passkeys.revoke(**words, public_id=public_id, reason="")
    passkeys.revoke(**words, public_id=public_id, reason="Lost.")

    for tenant in (acme, globex):
        assert steps.facts(tenant, "credential.revoked") == {
            "person": people.peer.email,
            "id": str(people.peer.public_id),
            "credential": authenticator.b64(made.credential_id),
            "reason": "Lost.",
        }
    with pytest.raises(NotFound):
        passkeys.revoke(**words, public_id=public_id, reason="Again.")


def test_nobody_removes_the_passkey_of_somebody_else(acme, people):
    made = authenticator.enrol(people.peer)

    with pytest.raises(NotFound):
        passkeys.revoke(
            user=people.approver1,
            public_id=made.credential.public_id,
            reason="Mine now.",
            actor=people.approver1.as_actor(),
        )
