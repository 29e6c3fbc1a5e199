"""Identities: one person a pair, ended for good, and every change in the log."""

import pytest
from django.db import IntegrityError, transaction

from breakglass.actors import OPERATOR
from breakglass.errors import Conflict, InvalidInput, NotFound, NotPermitted
from breakglass.models import AuditEntry, Identity
from breakglass.queries.people import accounts as queries
from breakglass.services.people import accounts as person_services
from breakglass.services.people import identities
from tests import factories

ISSUER = "https://idp.example"
pytestmark = pytest.mark.django_db


def link(user, subject="s-1", issuer=ISSUER):
    return identities.link(user=user, issuer=issuer, subject=subject, actor=OPERATOR)


def unlink(identity, reason="Lost laptop"):
    return identities.unlink(identity_id=identity.pk, reason=reason, actor=OPERATOR)


def facts(event):
    import json  # noqa: PLC0415 - the stored bytes are the facts

    rows = AuditEntry.objects.filter(event=event).order_by("pk")
    return [json.loads(bytes(row.body))["facts"] for row in rows]


def sso_only(tenant):
    made = person_services.create(
        email="sso@acme.example", name="Sso", password=None, actor=OPERATOR
    )
    factories.join(tenant, made, "peers")
    return made


def test_a_pair_belongs_to_one_person(people):
    link(people.oncall)

    with pytest.raises(Conflict):
        link(people.peer)
    assert queries.holder_of(issuer=ISSUER, subject="s-1") == people.oncall


def test_the_same_subject_of_another_issuer_is_another_identity(people):
    link(people.oncall)
    link(people.peer, issuer="https://other.example")

    assert queries.holder_of(issuer=ISSUER, subject="s-1") == people.oncall


def test_linking_and_unlinking_are_in_the_log_of_every_tenant_of_the_person(
    acme, people, charlie
):
    factories.join(factories.tenant_of(charlie), people.peer, "peers")

    unlink(link(people.peer))

    pair = {"person": people.peer.email, "issuer": ISSUER, "subject": "s-1"}
    assert facts("identity.linked") == [pair, pair]
    assert facts("identity.unlinked") == [{**pair, "reason": "Lost laptop"}] * 2
    where = AuditEntry.objects.filter(event="identity.unlinked")
    assert {row.tenant.slug for row in where} == {"acme", "globex"}


def test_an_unlinked_pair_may_belong_to_somebody_else(people):
    unlink(link(people.oncall))
    link(people.peer)

    assert queries.holder_of(issuer=ISSUER, subject="s-1") == people.peer
    assert not queries.holds(user=people.oncall, issuer=ISSUER, subject="s-1")


def test_a_link_ends_once_and_with_a_reason(people):
    identity = link(people.oncall)
    with pytest.raises(InvalidInput) as refused:
        unlink(identity, reason=" ")
    assert refused.value.field == "reason"
    unlink(identity)

    with pytest.raises(Conflict):
        unlink(identity)
    with pytest.raises(NotFound):
        identities.unlink(identity_id=0, reason="x", actor=OPERATOR)


def test_the_database_refuses_to_reopen_or_to_move_a_link(people):
    identity = unlink(link(people.oncall))
    for change in ({"unlinked_at": None}, {"user": people.peer}, {"subject": "s-2"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Identity.objects.filter(pk=identity.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Identity.objects.filter(pk=identity.pk).delete()


def test_nothing_is_linked_to_an_account_that_is_switched_off(people):
    person_services.deactivate(user=people.peer, actor=OPERATOR)

    with pytest.raises(Conflict):
        link(people.peer)


def test_ones_own_last_way_in_stays_without_a_password(acme, people):
    lone = sso_only(acme)
    first = link(lone)
    words = {"user": lone, "reason": "Old"}
    with pytest.raises(NotPermitted):
        identities.unlink_own(**words, identity_id=first.pk)
    link(lone, "s-2")
    identities.unlink_own(**words, identity_id=first.pk)

    last = link(people.peer, "s-3")
    identities.unlink_own(user=people.peer, reason="Old", identity_id=last.pk)
    assert queries.identities_of(user=people.peer) == []


def test_nobody_unlinks_somebody_elses_identity_as_their_own(people):
    theirs = link(people.oncall)

    with pytest.raises(NotFound):
        identities.unlink_own(user=people.peer, reason="x", identity_id=theirs.pk)


def by_email(subject="s-1", email="peer@acme.example"):
    return identities.link_by_email(issuer=ISSUER, subject=subject, email=email)


def test_an_address_links_the_person_who_has_it_on_record(acme, people):
    assert by_email(email="PEER@acme.example") == people.peer
    assert queries.holder_of(issuer=ISSUER, subject="s-1") == people.peer
    assert AuditEntry.objects.get(event="identity.linked").actor == people.peer.email


def test_an_address_links_nobody_new_switched_off_or_linked_already(people):
    assert by_email(email="nobody@acme.example") is None
    person_services.deactivate(user=people.oncall, actor=OPERATOR)
    assert by_email(email=people.oncall.email) is None
    robot = factories.person("robot@acme.example", "Robot", kind="machine")
    assert by_email(email=robot.email) is None
    link(people.peer, "s-other")
    assert by_email() is None


def test_what_was_unlinked_does_not_come_back_by_its_address(people):
    unlink(link(people.peer))

    assert by_email() is None
