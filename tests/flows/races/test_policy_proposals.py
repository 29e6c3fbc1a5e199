"""Two admins at once: one version comes of it, and only of what was proposed."""

import pytest

from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, NotPermitted
from breakglass.models import Policy
from breakglass.services.tenancy import policies, proposals, tenants
from tests import factories
from tests.flows.races.threads import Meanwhile, at_once, failures, held
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_confirm_and_one_proposes_again_at_once(acme, people):
    others = [
        factories.person(f"{name}@acme.example", name.title(), is_staff=True)
        for name in ("second", "third")
    ]
    for person in others:
        factories.join(acme, person, "admins")
    words = {"actor": OPERATOR, "name": "Acme", "is_active": True}
    tenants.change(tenant=acme, policy_needs_second_admin=True, **words)
    draft = policies.new_draft(tenant=acme, author=None)
    proposals.propose(policy_id=draft.pk, person=people.admin)
    draft.refresh_from_db()
    seen = proposals.digest_of(policy=draft).hex()

    def confirm(person):
        return proposals.confirm(policy_id=draft.pk, person=person, digest=seen)

    outcomes = at_once(
        lambda: confirm(others[0]),
        lambda: confirm(others[1]),
        lambda: proposals.propose(policy_id=draft.pk, person=people.admin),
    )
    assert failures(outcomes, Conflict, NotPermitted) == []
    assert Policy.objects.filter(tenant=acme, state="published").count() == 2
    assert steps.events(acme).count("policy.published") == 2

    draft = policies.new_draft(tenant=acme, author=None)
    proposals.propose(policy_id=draft.pk, person=people.admin)
    draft.refresh_from_db()
    seen = proposals.digest_of(policy=draft).hex()

    def edit():
        Policy.objects.select_for_update(of=("self",)).get(pk=draft.pk)
        draft.tiers.filter(position=1).update(max_deploys=7)

    with held(edit):
        confirming = Meanwhile(lambda: confirm(others[0]))
        confirming.until_it_waits()
    assert isinstance(confirming.join(), Conflict)
    assert Policy.objects.filter(tenant=acme, state="published").count() == 2
