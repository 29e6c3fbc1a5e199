"""Many requests at once say of each what the service says of one, under its lock."""

import random

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from breakglass import clock
from breakglass.models import BypassRequest, User
from breakglass.queries import access, approvers, inbox, outage, policies, quorums
from breakglass.services.people import identities
from breakglass.states import SignedBy
from tests import factories
from tests.flows.services import rows, steps

pytestmark = pytest.mark.django_db
SIGNERS = (SignedBy.INSTANCE, SignedBy.INSTANCE, SignedBy.SEALED_KEY)


def asked(tenant):
    found = BypassRequest.objects.filter(tenant=tenant).select_related("gate__tenant")
    return list(found.order_by("pk"))


def slowly_decidable(user):
    """The rule, one request at a time: who may still decide it."""
    busy = ("committed", "signed")
    pending = BypassRequest.objects.filter(
        state="pending", lapses_at__gt=clock.db_now(), tenant__is_active=True
    )
    return {
        bypass.pk
        for bypass in pending
        if approvers.may_count(bypass=bypass, user=user)
        and not bypass.approvals.filter(approver=user).exists()
        and not bypass.intents.filter(signer=user, state__in=busy).exists()
    }


def approve(dice, bypass, person):
    """An approval of some kind, if the database lets it stand."""
    bundle = rows.evidence(bypass, person, signed_by=dice.choice(SIGNERS))
    if dice.random() < 0.5:
        owner = person if dice.random() < 0.8 else dice.choice(list(User.objects.all()))
        rows.assert_with(bundle, owner)
    with transaction.atomic():
        rows.insert(bypass, person, bundle)


def world(dice, tenant, people, gates):
    """Requests of all kinds in all standings; then people and policies change."""
    everybody = list(vars(people).values())
    groups = ["peers", "designated-approvers", "named-seniors"]
    for _ in range(4):
        person, group = dice.choice(everybody), dice.choice(groups)
        if not person.memberships.filter(role__slug=group).exists():
            factories.join(tenant, person, group)
    if dice.random() < 0.5:
        steps.publish(tenant, tier="low", signing_outage="offline_quorum")
    for number in range(5):
        wish = {"service": f"s{number}", "impact": dice.choice(["low", "high"])}
        bypass = factories.request(tenant, people.oncall, dice.choice(gates), **wish)
        for person in dice.sample(everybody, 3):
            try:
                with transaction.atomic():
                    approve(dice, bypass, person)
            except IntegrityError:
                continue
    for person in dice.sample(everybody, 2):
        for row in list(person.memberships.select_related("role"))[:1]:
            if row.role.slug in groups:
                factories.leave(tenant, person, row.role.slug)
    User.objects.filter(pk=dice.choice(everybody).pk).update(
        **dice.choice([{"is_active": False}, {"kind": "machine"}])
    )
    if dice.random() < 0.6:
        needs = {dice.choice(groups): dice.choice([1, 2])}
        strict = {"passkey_required": dice.random() < 0.5}
        steps.publish(tenant, tier="low", requirements=needs, **strict)


@pytest.mark.parametrize("seed", range(6))
def test_it_says_what_one_at_a_time_says(seed, acme, people, gate, database_gate):
    dice = random.Random(seed)  # noqa: S311 - a seeded world, not a secret
    world(dice, acme, people, [gate, database_gate])
    requests = asked(acme)
    reaches = quorums.of(requests=requests)
    assert len(reaches) == 5
    for bypass in requests:
        reach = reaches[bypass.pk]
        pinned, latest = policies.tiers_in_question(bypass=bypass)
        assert (reach.tiers.pinned, reach.tiers.latest) == (pinned, latest)
        assert reach.quorum == approvers.quorum(bypass=bypass)
        assert reach.requester_id == approvers.requester_id(bypass=bypass)
        assert reach.is_offline == outage.is_offline(bypass=bypass)
        terms = policies.terms_of(bypass=bypass)
        assert reach.passkey_required == terms.passkey_required
        out = [reach.requester_id, people.peer.pk]
        assert reach.needs(without=out) == approvers.still_needed(
            bypass=bypass, reached=reach.quorum, without=out
        )
        for user in User.objects.all():
            expected = approvers.may_count(bypass=bypass, user=user)
            assert reach.may_count(user) == expected, user
    for user in User.objects.all():
        shown = inbox.waiting_for(user=user, now=clock.db_now())
        assert {row.bypass.pk for row in shown} == slowly_decidable(user)
        assert inbox.waiting_count(user=user) == len(shown)


def test_an_account_that_was_given_up_is_its_successor(acme, people, gate):
    other = factories.person("oncall2@acme.example", "Oncall Two")
    factories.join(acme, other, "on-call")
    factories.join(acme, people.approver1, "peers")
    factories.request(acme, other, gate)
    identities.merge(
        keep=people.approver1,
        merged=other,
        reason="One person.",
        actor=people.admin.as_actor(),
    )
    (bypass,) = asked(acme)
    reach = quorums.of(requests=[bypass])[bypass.pk]
    assert reach.requester_id == people.approver1.pk
    assert not reach.may_count(people.approver1)
    assert not inbox.waiting_count(user=people.approver1)
    assert reach.may_count(people.peer)


def test_many_requests_ask_as_often_as_one(acme, people, gate, database_gate):
    for number in range(5):
        where = gate if number % 2 else database_gate
        bypass = factories.request(acme, people.oncall, where, service=f"s{number}")
        bundle = rows.evidence(bypass, people.approver1)
        rows.insert(bypass, people.approver1, bundle)
    requests = asked(acme)
    for some in (requests[:1], requests):
        with CaptureQueriesContext(connection) as asked_for:
            for reach in quorums.of(requests=some).values():
                assert reach.needs()
        assert len(asked_for) == 4
    with CaptureQueriesContext(connection) as asked_for:
        assert inbox.waiting_count(user=people.peer) == 2
    assert len(asked_for) == 2
    assert quorums.of(requests=[]) == {}


def test_rights_in_bulk_are_rights_one_by_one(acme, charlie, people):
    codes = {"view_tenant", "request_bypass", "view_audit_log", "manage_tenant"}
    codes |= {"export_evidence", "close_grant"}
    boss = factories.person("boss@acme.example", "Boss")
    boss.is_superuser = True
    boss.save(update_fields=["is_superuser"])
    for user in (*vars(people).values(), charlie, boss):
        ours = {one.tenant: one.permissions for one in access.memberships(user=user)}
        for tenant in (acme, factories.tenant_of(charlie)):
            held = {c for c in codes if access.may(user=user, permission=c, on=tenant)}
            assert ours.get(tenant, frozenset()) == held
    acme.is_active = False
    acme.save(update_fields=["is_active"])
    assert access.memberships(user=people.peer) == []
    people.peer.is_active = False
    assert access.memberships(user=people.peer) == []
