"""What the pages about one gate share: its snippet, the wait for a call, the rights."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.urls import reverse

from breakglass.errors import NotPermitted
from breakglass.models import Gate, GateContact, Tenant
from breakglass.queries import access
from breakglass.queries.gates import overview
from breakglass.texts import text
from portal.http import tenancy
from portal.http.gates import recipes
from portal.http.gates.contacts import answer_in_words, call_in_words
from portal.http.htmx import PageRequest

LATE_AFTER: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A wait for a gate's call: since when, and what arrived."""

    path: str
    since: datetime
    elapsed: str
    is_late: bool
    contact: GateContact | None
    call: str
    answer: str
    base_url: str

    @property
    def is_over(self) -> bool:
        """Whether the page need not ask again."""
        return self.contact is not None and self.contact.is_accepted


def audience_of(gate: Gate) -> str:
    """Returns what the tokens of this gate's machines must be made for."""
    path = reverse("gate", args=[gate.tenant.slug, gate.slug])
    return f"{settings.BASE_URL}{path}"


def recipe_of(gate: Gate) -> recipes.Recipe:
    """Returns the snippet of a gate, with its own values."""
    return recipes.recipe(
        kind=gate.kind,
        base_url=settings.BASE_URL,
        gate=gate.slug,
        service=gate.service,
    )


def waiting(*, gate: Gate, since: datetime, now: datetime, path: str) -> Waiting:
    """Returns how far the wait for a call of the gate has come."""
    contact = overview.contact_since(gate=gate, since=since)
    gone = max(timedelta(0), now - since)
    minutes, seconds = divmod(int(gone.total_seconds()), 60)
    return Waiting(
        path=path,
        since=since,
        elapsed=f"{minutes:02}:{seconds:02}",
        is_late=gone >= LATE_AFTER,
        contact=contact,
        call=call_in_words(contact) if contact else "",
        answer=answer_in_words(contact) if contact else "",
        base_url=settings.BASE_URL,
    )


def managed(request: PageRequest, tenant: Tenant, slug: str) -> Gate:
    """Returns a gate whose tokens the person may make; NotFound or NotPermitted."""
    gate = access.gate_for(user=request.user, tenant=tenant, slug=slug)
    if not access.may(user=request.user, permission="manage_gate", on=gate):
        msg = text(
            "tokens of %(gate)s are for people who manage the gate", gate=gate.slug
        )
        raise NotPermitted(msg)
    return gate


def require_manager(request: PageRequest, tenant: Tenant) -> None:
    """Refuses whoever may not say which gates the tenant has."""
    if "manage_tenant" not in tenancy.permissions(request, tenant):
        msg = text(
            "the gates of %(tenant)s are for people who manage the tenant",
            tenant=tenant.name,
        )
        raise NotPermitted(msg)
