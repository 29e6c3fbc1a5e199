"""Trying a policy on its page: what the request form would preview."""

from itertools import product

import pytest
from django.urls import reverse

from breakglass.actors import OPERATOR
from breakglass.models import Policy, Requirement, RoleGroup
from breakglass.services.tenancy import policies
from tests import factories

pytestmark = pytest.mark.django_db
SERVICES = ("checkout", "payments/worker", "payments")
BRANCHES = ("", "main", "release/9")


def at(policy):
    return reverse("admin:breakglass_policy_change", args=[policy.pk])


def ask(client, policy, **fields):
    sent = {f"try-{name}": value for name, value in fields.items()}
    return client.get(at(policy), sent)


def seen(found):
    """What a person reads of a preview, or of a trial."""
    needs = [
        (need.group, need.name, need.count, need.missing, need.people)
        for need in found.approvers
    ]
    return found.tier, found.reasons, needs, found.with_passkey


def publish_with_patterns(tenant):
    """A version in which services and branches matter as well, and passkeys."""
    draft = policies.new_draft(tenant=tenant, author=None)
    for tier in draft.tiers.order_by("-position"):
        tier.position += 2
        tier.save()
    group = RoleGroup.objects.get(tenant=tenant, slug="named-seniors")
    shape = draft.tiers.first()
    for position, criteria in (
        (1, {"services": ["payments/*"], "passkey_required": True}),
        (2, {"branches": ["release/*"]}),
    ):
        shape.pk = None
        shape.position, shape.slug = position, f"special-{position}"
        shape.name = f"Special {position}"
        shape.services, shape.branches = [], []
        shape.data_classes, shape.minimum_impact = [], ""
        for name, value in criteria.items():
            setattr(shape, name, value)
        shape.save(force_insert=True)
        Requirement.objects.create(tier=shape, group=group, count=position)
    return policies.publish(policy_id=draft.pk, actor=OPERATOR)


def test_it_agrees_with_the_request_forms_preview_in_every_case(
    client_for, acme, people, gate, database_gate
):
    policy = publish_with_patterns(acme)
    admin, oncall = client_for(people.admin), client_for(people.oncall)
    tiers = set()
    for one, impact, service, branch in product(
        (gate, database_gate), ("low", "high"), SERVICES, BRANCHES
    ):
        asked = {
            "gate": one.slug,
            "service": service,
            "branch": branch,
            "impact": impact,
        }
        previewed = oncall.get("/t/acme/requests/preview", asked).context["preview"]
        tried = ask(admin, policy, **asked, requester=people.oncall.pk)
        assert seen(tried.context["trial"]) == seen(previewed), asked
        assert previewed.tier.name in tried.content.decode()
        tiers.add(previewed.tier.slug)
    assert len(tiers) >= 4, tiers


def test_a_draft_is_tried_as_it_is_saved_and_not_as_it_is_in_force(
    client_for, acme, people, gate
):
    published = Policy.objects.get(tenant=acme)
    draft = policies.new_draft(tenant=acme, author=None)
    last = draft.tiers.order_by("position").last()
    last.name = "Everything else"
    last.save()
    asked = {"gate": gate.slug, "service": "checkout", "impact": "low"}
    admin = client_for(people.admin)
    before = ask(admin, published, **asked).context["trial"]
    after = ask(admin, draft, **asked).context["trial"]
    assert after.tier.name == "Everything else"
    assert before.tier.name != after.tier.name
    draft.tiers.all().delete()
    page = ask(admin, draft, **asked).content.decode()
    assert "This policy has no tiers" in page


def test_what_is_missing_is_said_beside_its_field_and_nothing_is_stored(
    client_for, acme, people, gate, charlie
):
    policy = Policy.objects.get(tenant=acme)
    admin = client_for(people.admin)
    page = ask(admin, policy, gate=gate.slug, service="", impact="low")
    assert "Name the service" in page.content.decode()
    assert page.context.get("trial") is None
    strange = factories.gate(factories.tenant_of(charlie), "elsewhere")
    page = ask(admin, policy, gate=strange.slug, service="checkout", impact="low")
    assert page.context.get("trial") is None
    assert "elsewhere" not in page.content.decode()


def test_a_stranger_and_the_signed_out_try_nothing(
    client_for, client, acme, charlie, gate
):
    policy = Policy.objects.get(tenant=acme)
    asked = {"gate": gate.slug, "service": "checkout", "impact": "low"}
    assert ask(client_for(charlie), policy, **asked).status_code == 302
    assert ask(client, policy, **asked).url.startswith("/accounts/login/")
