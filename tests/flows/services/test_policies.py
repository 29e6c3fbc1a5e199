"""Policies: drafted as a copy, checked, numbered, and frozen by the database."""

import pytest
from django.db import IntegrityError, transaction

from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, NotFound, PolicyViolation
from breakglass.models import AuditEntry, Policy, Requirement, RoleGroup, Tier
from breakglass.queries import policies as queries
from breakglass.services.tenancy import policies
from breakglass.states import PolicyState
from tests import factories
from tests.flows.services import steps


def publish(draft):
    return policies.publish(policy_id=draft.pk, actor=OPERATOR)


@pytest.fixture
def published(acme):
    """Version 1, as every tenant starts with it."""
    return queries.current(tenant=acme)


@pytest.fixture
def draft(acme, people):
    """The draft of version 2."""
    return policies.new_draft(tenant=acme, author=people.admin)


def test_a_published_version_is_frozen_with_its_tiers_and_requirements(
    acme, published, draft
):
    tier = published.tiers.get(slug="high")
    asked = tier.requirements.get()
    group = RoleGroup.objects.get(tenant=acme, slug="peers")
    mine = draft.tiers.get(slug="low")
    changes = {
        "its note": lambda: Policy.objects.filter(pk=published.pk).update(note="x"),
        "its state": lambda: Policy.objects.filter(pk=published.pk).update(
            state="draft", version=None, published_at=None, digest=None
        ),
        "itself": lambda: Policy.objects.filter(pk=published.pk)._raw_delete("default"),
        "a tier": lambda: Tier.objects.filter(pk=tier.pk).update(max_deploys=99),
        "a tier's end": lambda: Tier.objects.filter(pk=tier.pk)._raw_delete("default"),
        "a tier more": lambda: Tier.objects.create(
            policy=published, position=9, slug="x", name="X", ttl_choices=[900]
        ),
        "a tier moved in": lambda: Tier.objects.filter(pk=mine.pk).update(
            policy=published, position=9, slug="x"
        ),
        "a tier moved out": lambda: Tier.objects.filter(pk=tier.pk).update(
            policy=draft, position=9, slug="x"
        ),
        "a requirement": lambda: Requirement.objects.filter(pk=asked.pk).update(
            count=1
        ),
        "a requirement's end": lambda: Requirement.objects.filter(
            pk=asked.pk
        )._raw_delete("default"),
        "a requirement more": lambda: Requirement.objects.create(
            tier=tier, group=group, count=1
        ),
        "a requirement moved out": lambda: Requirement.objects.filter(
            pk=asked.pk
        ).update(tier=mine),
    }
    for change in changes.values():
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            change()


def test_a_draft_is_a_copy_of_the_version_in_force(published, draft):
    assert (
        queries.as_rules(policy=draft).tiers == queries.as_rules(policy=published).tiers
    )
    assert draft.state == PolicyState.DRAFT


def test_there_is_one_draft_at_a_time(acme, draft):
    with pytest.raises(Conflict, match="draft already"):
        policies.new_draft(tenant=acme, author=None)

    policies.discard_draft(policy_id=draft.pk, actor=OPERATOR)
    assert policies.new_draft(tenant=acme, author=None)


def test_a_draft_decides_nothing(acme, people, gate, draft, published):
    draft.tiers.get(slug="low").requirements.update(count=5)

    bypass = factories.request(acme, people.oncall, gate)

    assert bypass.policy == published
    assert steps.approve(bypass, people.peer).grant


def test_versions_number_on_and_the_log_holds_the_whole_text(acme, draft):
    second = publish(draft)
    third = steps.publish(acme, max_deploys=3)

    assert (second.version, third.version) == (2, 3)
    assert queries.current(tenant=acme) == third
    entry = AuditEntry.objects.filter(tenant=acme, event="policy.published").first()
    assert bytes(third.digest).hex().encode() in bytes(entry.body)
    assert b'"max_deploys":3' in bytes(entry.body)


def test_what_is_published_or_gone_cannot_be_published_or_dropped(draft):
    publish(draft)

    with pytest.raises(Conflict, match="version 2 is published"):
        publish(draft)
    with pytest.raises(Conflict, match="version 2 is published"):
        policies.discard_draft(policy_id=draft.pk, actor=OPERATOR)
    with pytest.raises(NotFound):
        policies.publish(policy_id=draft.pk + 1000, actor=OPERATOR)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda d: d.tiers.all().delete(), "no tiers"),
        (
            lambda d: Requirement.objects.filter(tier__policy=d).delete(),
            "nobody is required",
        ),
        (lambda d: d.tiers.update(ttl_choices=[]), "no times"),
        (lambda d: d.tiers.update(ttl_choices=[30]), "stay between"),
        (lambda d: d.tiers.update(ttl_choices=[5 * 3600]), "stay between"),
        (lambda d: d.tiers.update(ttl_choices=[90]), "whole minutes"),
        (lambda d: d.tiers.update(max_deploys=0), "no deploys"),
        (lambda d: d.tiers.update(services=["check out"]), "can match"),
        (
            lambda d: d.tiers.filter(position=1).update(data_classes=[]),
            "never reached",
        ),
    ],
    ids=[
        "no tiers",
        "nobody",
        "no times",
        "too short",
        "too long",
        "odd seconds",
        "no deploys",
        "bad pattern",
        "open above others",
    ],
)
def test_a_draft_with_a_mistake_is_not_published(draft, mistake, message):
    mistake(draft)

    with pytest.raises(PolicyViolation, match=message):
        publish(draft)

    draft.refresh_from_db()
    assert (draft.state, draft.version) == (PolicyState.DRAFT, None)


def test_a_group_with_too_few_people_is_a_warning_and_no_obstacle(acme, people, draft):
    factories.leave(acme, people.senior, "named-seniors")

    levels = [f.level for f in policies.check(policy=draft) if "named" in f.message]

    assert levels == ["warning"]
    assert publish(draft).version == 2


def test_a_requirement_may_not_name_another_tenants_group(acme, draft, charlie):
    foreign = RoleGroup.objects.create(
        tenant=factories.tenant_of(charlie),
        slug="only-theirs",
        name="Theirs",
        auth_group=RoleGroup.objects.filter(tenant=factories.tenant_of(charlie))
        .first()
        .auth_group.__class__.objects.create(name="only-theirs"),
    )
    Requirement.objects.create(tier=draft.tiers.get(slug="low"), group=foreign)

    with pytest.raises(PolicyViolation, match="no group only-theirs"):
        publish(draft)
