"""Two admins for a policy version: proposed by one, confirmed by another, on record."""

import pytest

from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, NotPermitted, PolicyViolation
from breakglass.models import AuditEntry, Tenant
from breakglass.queries.logs.entries import body_of
from breakglass.services.people import accounts as people_services
from breakglass.services.tenancy import policies, proposals, tenants
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db


def need_two(tenant, needed=True):
    return tenants.change(
        tenant=tenant,
        actor=OPERATOR,
        name=tenant.name,
        is_active=True,
        policy_needs_second_admin=needed,
    )


@pytest.fixture
def draft(acme):
    need_two(acme)
    return policies.new_draft(tenant=acme, author=None)


@pytest.fixture
def second(acme):
    made = factories.person("second@acme.example", "Second", is_staff=True)
    factories.join(acme, made, "admins")
    return made


def propose(draft, person):
    return proposals.propose(policy_id=draft.pk, person=person)


def confirm(draft, person, digest=None):
    draft.refresh_from_db()
    seen = digest or proposals.digest_of(policy=draft).hex()
    return proposals.confirm(policy_id=draft.pk, person=person, digest=seen)


def facts(event):
    return body_of(entry=AuditEntry.objects.filter(event=event).latest("seq"))["facts"]


def test_one_proposes_another_confirms_and_the_log_names_both(draft, people, second):
    propose(draft, people.admin)
    draft.refresh_from_db()
    assert draft.version is None
    done = confirm(draft, second)
    assert (done.version, done.published_by) == (2, second.email)
    proposed, published = facts("policy.proposed"), facts("policy.published")
    assert proposed["digest"] == published["digest"]
    assert proposed["version"] == published["version"] == 2
    rows = AuditEntry.objects.order_by("seq")
    names = dict(rows.values_list("event", "actor"))
    assert names["policy.proposed"] == people.admin.email
    assert names["policy.published"] == second.email


def test_nobody_publishes_alone_or_confirms_their_own(draft, people):
    with pytest.raises(NotPermitted, match="another one confirms"):
        policies.publish(policy_id=draft.pk, actor=people.admin.as_actor())
    propose(draft, people.admin)
    with pytest.raises(NotPermitted, match="another admin"):
        confirm(draft, people.admin)
    draft.refresh_from_db()
    assert draft.version is None


def test_a_draft_that_nobody_proposed_cannot_be_confirmed(draft, second):
    with pytest.raises(Conflict, match="nobody has proposed"):
        confirm(draft, second)


@pytest.mark.parametrize("what", ["note", "tier", "requirement"])
def test_a_changed_draft_voids_its_proposal(draft, people, second, what):
    propose(draft, people.admin)
    if what == "note":
        draft.refresh_from_db()
        draft.note = "Something else"
        draft.save()
    elif what == "tier":
        draft.tiers.filter(position=1).update(max_deploys=7)
    else:
        draft.tiers.get(position=2).requirements.update(count=3)
    with pytest.raises(Conflict, match="not what was proposed"):
        confirm(draft, second)
    propose(draft, second)
    assert confirm(draft, people.admin).version == 2


def test_what_was_looked_at_is_what_is_confirmed(draft, people, second):
    seen = proposals.digest_of(policy=draft).hex()
    draft.tiers.filter(position=1).update(max_deploys=7)
    propose(draft, people.admin)
    with pytest.raises(Conflict, match="not what was proposed"):
        confirm(draft, second, digest=seen)


def test_only_admins_of_the_tenant_propose_and_confirm(draft, people, second, charlie):
    for stranger in (people.senior, charlie):
        with pytest.raises(NotPermitted, match="only an admin"):
            propose(draft, stranger)
    propose(draft, people.admin)
    for stranger in (people.senior, charlie):
        with pytest.raises(NotPermitted, match="only an admin"):
            confirm(draft, stranger)


def test_a_proposer_who_left_proposes_nothing(draft, people, second):
    propose(draft, people.admin)
    people_services.deactivate(user=people.admin, actor=OPERATOR)
    with pytest.raises(Conflict, match="not what was proposed"):
        confirm(draft, second)


def test_errors_block_a_proposal_and_a_confirmation(draft, people, second):
    propose(draft, people.admin)
    draft.tiers.filter(position=1).update(ttl_choices=[90])
    with pytest.raises(PolicyViolation, match="whole minutes"):
        propose(draft, second)
    with pytest.raises(Conflict):
        confirm(draft, second)


def test_where_one_admin_is_enough_nothing_is_proposed(draft, acme, people):
    need_two(acme, needed=False)
    with pytest.raises(Conflict, match="one admin is enough"):
        propose(draft, people.admin)
    done = policies.publish(policy_id=draft.pk, actor=people.admin.as_actor())
    assert done.version == 2


def test_asking_for_two_is_on_record_once_and_only_when_it_changes(acme):
    need_two(acme)
    assert facts("tenant.changed")["policy_needs_second_admin"] is True
    need_two(acme)
    assert "policy_needs_second_admin" not in facts("tenant.changed")
    tenants.change(tenant=acme, actor=OPERATOR, name="Acme", is_active=True)
    assert Tenant.objects.get(pk=acme.pk).policy_needs_second_admin
    assert steps.events(acme).count("tenant.changed") == 3
