"""Channels keep their address to themselves; what went out is listed by tenant."""

import pytest

from breakglass.errors import InvalidInput, NotFound
from breakglass.models import AuditEntry, Channel, Notification
from breakglass.queries import messages
from breakglass.services.telling import delivery
from tests import factories
from tests.flows.delivery.record import facts_of
from tests.flows.delivery.ways_out import URL, webhook

pytestmark = pytest.mark.django_db


def test_a_saved_channel_is_on_record_without_its_address(acme, channel):
    assert facts_of("channel.changed") == [
        {"kind": "webhook", "name": "ops-room", "is_active": True}
    ]
    entry = AuditEntry.objects.get(event="channel.changed")
    assert b"hush-hush" not in bytes(entry.body)
    assert b"hooks.example.com" not in bytes(entry.body)


def test_no_row_but_the_channels_own_holds_its_address(pending_request, channel):
    delivery.drain()
    row = Notification.objects.get(kind="webhook")
    assert row.address == "ops-room"
    assert "hush-hush" not in row.subject + row.body + row.last_error


def test_an_empty_address_keeps_the_secret_that_pages_do_not_show(acme, channel):
    webhook(acme, "renamed", url="", channel_id=channel.pk)
    channel.refresh_from_db()
    assert (channel.name, channel.url) == ("renamed", URL)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "json://hooks.example.com/"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": ""}, "url"),
        ({"kind": "slack"}, "url"),
        ({"kind": "email"}, "kind"),
        ({"name": ""}, "name"),
        ({"name": "ops-room"}, "name"),
    ],
)
def test_a_channel_that_cannot_work_is_refused_by_field(acme, channel, fields, field):
    wanted = {"name": "other", **fields}
    with pytest.raises(InvalidInput) as refused:
        webhook(acme, **wanted)
    assert refused.value.field == field
    assert Channel.objects.count() == 1
    assert len(facts_of("channel.changed")) == 1


def test_another_tenants_channel_is_not_found(charlie, channel):
    with pytest.raises(NotFound):
        webhook(factories.tenant_of(charlie), "mine-now", channel_id=channel.pk)
    channel.refresh_from_db()
    assert channel.name == "ops-room"


def test_sent_messages_are_listed_by_tenant_newest_first(
    acme, people, gate, charlie, channel
):
    for service in ("checkout", "billing"):
        factories.request(acme, people.oncall, gate, service=service)
    delivery.drain()
    everything = messages.sent(tenants=[acme], before=None)
    assert [row.pk for row in everything] == sorted(
        (row.pk for row in everything), reverse=True
    )
    assert len(everything) == 4
    first = messages.sent(tenants=[acme], before=None, limit=3)
    rest = messages.sent(tenants=[acme], before=first[-1].pk)
    assert [*first, *rest] == everything
    assert messages.sent(tenants=[factories.tenant_of(charlie)], before=None) == []
