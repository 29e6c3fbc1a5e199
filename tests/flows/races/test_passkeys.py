"""One answer that arrives twice, and a passkey that is made while its owner joins."""

import pytest

from breakglass import clock
from breakglass.errors import Conflict, PasskeyRefused
from breakglass.models import (
    Approval,
    Assertion,
    Authentication,
    Credential,
    CredentialNotice,
    RoleGroup,
)
from breakglass.services.approving import approvals, counting
from tests import authenticator, factories
from tests.authenticator import DAY
from tests.flows.races.threads import Meanwhile, at_once, failures, held
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)


def confirm(intent, person, proof):
    return approvals.confirm(intent_id=intent.public_id, approver=person, proof=proof)


def test_the_same_answer_twice_at_once_counts_once(acme, people, gate, advance):
    key = authenticator.enrol(people.peer)
    advance(DAY)
    bypass = factories.request(acme, people.oncall, gate)
    intent = factories.intend(bypass, people.peer)
    proof = key.proof(intent, clock.db_now())

    outcomes = at_once(*[lambda: confirm(intent, people.peer, proof)] * 3)

    assert failures(outcomes, Conflict) == []
    assert Approval.objects.count() == 1
    assert Assertion.objects.count() == 1
    assert Authentication.objects.count() == 1
    assert Credential.objects.get().sign_count == 1
    assert steps.events(acme).count("request.approved") == 1


def test_a_passkey_made_while_its_owner_joins_is_in_the_tenants_log(
    acme, people, charlie
):
    globex = factories.tenant_of(charlie)
    peers = RoleGroup.objects.get(tenant=globex, slug="peers")

    with held(lambda: factories.join(globex, people.peer, "peers")):
        enrolling = Meanwhile(lambda: authenticator.enrol(people.peer))
        enrolling.until_it_waits()
    enrolling.join()

    assert peers.members.filter(pk=people.peer.pk).exists()
    known = CredentialNotice.objects.values_list("tenant__slug", flat=True)
    assert sorted(known) == ["acme", "globex"]


def test_an_approval_waits_for_a_removal_and_then_does_not_count(
    acme, people, gate, advance
):
    """Else the log would say that a passkey counted after it was removed."""
    key = authenticator.enrol(people.peer)
    advance(DAY)
    bypass = factories.request(acme, people.oncall, gate)
    intent = factories.intend(bypass, people.peer)
    proof = key.proof(intent, clock.db_now())
    committed = approvals._commit(
        intent_id=intent.public_id, approver=people.peer, proof=proof
    )
    bundle = steps.sign_here(committed)

    with held(lambda: authenticator.remove(people.peer, key)):
        recording = Meanwhile(lambda: counting.record(intent=committed, bundle=bundle))
        recording.until_it_waits()

    assert isinstance(recording.join(), PasskeyRefused)
    assert not Approval.objects.exists()
