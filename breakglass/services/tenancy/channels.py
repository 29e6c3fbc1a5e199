"""Channels: where a tenant is told, beside people's e-mail."""

from typing import Final

from django.db import IntegrityError, transaction

from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import InvalidInput, NotFound
from breakglass.models import Channel, Tenant
from breakglass.notify import chat
from breakglass.rules.identifiers import check_text
from breakglass.texts import text

NAME_MAX: Final = 100
FIELDS: Final = ("kind", "name", "url", "is_active")


@transaction.atomic
def save(
    *,
    tenant: Tenant,
    kind: str,
    name: str,
    url: str,
    is_active: bool,
    actor: Actor,
    channel_id: int | None = None,
) -> Channel:
    """
    Stores a new channel, or changes the tenant's own one with that id.

    The address is a secret: pages do not show it, so an empty `url` keeps the one on
    record as long as the kind stays. Raises InvalidInput (fields kind, name, url) for
    an address that the kind or BREAKGLASS_NOTIFY_SCHEMES does not allow, or a name
    that the tenant uses already; NotFound for another tenant's channel. The ledger
    gets the kind, the name and whether it is active, never the address.
    """
    channel = _loaded(tenant=tenant, channel_id=channel_id)
    if url or kind != channel.kind:
        channel.url = chat.check(kind=kind, address=url)
    channel.kind = kind
    channel.name = check_text(name, field="name", minimum=1, maximum=NAME_MAX)
    channel.is_active = is_active
    try:
        with transaction.atomic():
            channel.save(
                force_insert=channel_id is None,
                update_fields=None if channel_id is None else FIELDS,
            )
    except IntegrityError as exc:
        msg = text("this tenant has a channel of that name already")
        raise InvalidInput(msg, field="name") from exc
    ledger.append(
        tenant=tenant,
        event=events.CHANNEL_CHANGED,
        actor=actor,
        facts={"kind": kind, "name": channel.name, "is_active": is_active},
    )
    return channel


def _loaded(*, tenant: Tenant, channel_id: int | None) -> Channel:
    if channel_id is None:
        return Channel(tenant=tenant)
    mine = Channel.objects.select_for_update(of=("self",), no_key=True).filter(
        tenant=tenant
    )
    channel = mine.filter(pk=channel_id).first()
    if channel is None:
        msg = text("there is no such channel in %(tenant)s", tenant=tenant.slug)
        raise NotFound(msg)
    return channel
