"""What only the portal made is found out: no passkey answered, or another one."""

from types import SimpleNamespace

import pytest

from breakglass import clock
from breakglass.services.logs.verification import verify_tenant
from tests import authenticator, factories
from tests.authenticator import DAY
from tests.flows.services import steps
from tests.flows.verify.test_tampering import hash_again, seq_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked(acme, people, gate, advance):
    """A tier that asks for passkeys, the peer's, and a request."""
    steps.publish(acme, passkey_required=True)
    key = authenticator.enrol(people.peer)
    advance(DAY)
    bypass = factories.request(acme, people.oncall, gate)
    return bypass, key


def found(tenant):
    return [finding.message for finding in verify_tenant(tenant=tenant).findings]


def test_an_approval_with_its_passkey_verifies_from_the_log(acme, people, asked):
    bypass, key = asked
    factories.confirm_with(factories.intend(bypass, people.peer), people.peer, key)

    assert found(acme) == []


def test_the_portals_own_keys_make_no_approval_of_a_tier_with_passkeys(
    acme, people, gate, forge, advance
):
    """
    The negative control (security.md, finding 5): all that the portal holds is used.

    The portal vouches for people, so the signature in the approver's name is real; then
    the log is made to say that its tier had asked for passkeys all along.
    """
    factories.approve(factories.request(acme, people.oncall, gate), people.peer)
    story = SimpleNamespace(tenant=acme)
    facts = steps.facts(acme, "policy.published")
    for tier in facts["policy"]["tiers"]:
        tier["passkey_required"] = True
    assert found(acme) == []

    hash_again(story, forge, seq=seq_of(story, "policy.published"), facts=facts)

    assert "approves without the passkey that its tier asks for" in found(acme)


def test_a_passkey_of_the_forgers_own_is_found(acme, people, asked, forge):
    """Whoever rewrites the enrolment's key in the log breaks every earlier answer."""
    bypass, key = asked
    factories.confirm_with(factories.intend(bypass, people.peer), people.peer, key)
    other = authenticator.Authenticator()
    facts = steps.facts(acme, "credential.enrolled")
    facts |= {"public_key": authenticator.spki(other)}
    story = SimpleNamespace(tenant=acme)

    hash_again(story, forge, seq=seq_of(story, "credential.enrolled"), facts=facts)

    assert "carries a passkey's answer whose signature does not hold" in found(acme)


def test_a_passkey_that_cooled_down_too_little_in_the_log_is_found(
    acme, people, asked, forge
):
    bypass, key = asked
    factories.confirm_with(factories.intend(bypass, people.peer), people.peer, key)
    facts = steps.facts(acme, "credential.enrolled")
    later = clock.db_now().replace(year=2099).isoformat()
    story = SimpleNamespace(tenant=acme)

    hash_again(
        story,
        forge,
        seq=seq_of(story, "credential.enrolled"),
        facts={**facts, "usable_from": later},
    )

    assert "was approved with a passkey that was still too new" in found(acme)
