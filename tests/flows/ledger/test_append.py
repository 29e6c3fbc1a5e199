"""The one door to the log: in the change's transaction, numbered, linked."""

import json

import pytest
from django.db import transaction

from breakglass.actors import OPERATOR
from breakglass.audit import chain, events, ledger
from breakglass.errors import Conflict
from breakglass.models import AuditEntry, ChainHead, Gate
from tests import factories
from tests.flows.services import steps


def append(tenant, event=events.TENANT_CHANGED, **facts):
    return ledger.append(tenant=tenant, event=event, actor=OPERATOR, facts=facts)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_appended_outside_a_transaction(acme):
    before = steps.size(acme)

    with pytest.raises(RuntimeError, match="share the transaction"):
        append(acme)

    assert steps.size(acme) == before


def test_an_event_that_is_not_listed_is_refused(acme):
    with pytest.raises(ValueError, match=r"not in audit/events\.py"):
        append(acme, event="tenant.exploded")


def test_a_change_that_is_rolled_back_leaves_no_entry_and_no_gap(acme):
    head = ChainHead.objects.get(tenant=acme)

    @transaction.atomic
    def doomed():
        factories.gate(acme, "doomed")
        assert steps.size(acme) == head.seq + 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        doomed()

    assert steps.size(acme) == head.seq
    assert not Gate.objects.filter(slug="doomed").exists()
    with transaction.atomic():
        assert append(acme).seq == head.seq + 1


def test_a_refused_change_leaves_no_entry(acme, gate):
    before = steps.size(acme)

    with pytest.raises(Conflict):
        factories.gate(acme, gate.slug)

    assert steps.size(acme) == before


def test_every_entry_carries_its_place_and_links_to_the_one_before(
    acme, pending_request
):
    prev, last_at = chain.GENESIS, ""
    entries = list(AuditEntry.objects.filter(tenant=acme).order_by("seq"))
    for number, entry in enumerate(entries, start=1):
        body = bytes(entry.body)
        said = json.loads(body)
        assert chain.canonical(said) == body
        assert chain.entry_hash(body) == bytes(entry.entry_hash)
        assert bytes(entry.prev_hash) == prev
        assert said["prev"] == prev.hex()
        assert said["seq"] == entry.seq == number
        assert said["tenant"] == {"id": str(acme.public_id), "slug": "acme"}
        assert (said["event"], said["actor"]["name"]) == (entry.event, entry.actor)
        assert said["at"] == chain.timestamp(entry.at) >= last_at
        prev, last_at = bytes(entry.entry_hash), said["at"]

    head = ChainHead.objects.get(tenant=acme)
    assert (head.seq, bytes(head.entry_hash)) == (len(entries), prev)


def test_each_tenant_has_a_chain_of_its_own(acme, charlie):
    globex = factories.tenant_of(charlie)
    mine = steps.size(acme)

    append(globex)

    assert steps.size(acme) == mine
    assert AuditEntry.objects.filter(tenant=globex).order_by("seq").first().seq == 1


def test_a_clock_that_steps_back_does_not_take_the_log_with_it(acme, advance):
    later = append(acme)
    advance(-3600)

    assert append(acme).at == later.at


def test_what_has_no_canonical_form_is_not_written(acme):
    before = steps.size(acme)

    for fact in (float("nan"), 2**53, "\ud800"):
        with pytest.raises(Exception, match=r"."), transaction.atomic():
            append(acme, fact=fact)

    assert steps.size(acme) == before
