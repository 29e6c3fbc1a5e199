"""Ask for a bypass, take it back, let it lapse."""

from typing import Final

from django.conf import settings
from django.db import transaction

from breakglass import clock, outbox
from breakglass.actors import SCHEDULER
from breakglass.audit import chain, events, ledger
from breakglass.errors import (
    Conflict,
    InvalidInput,
    NotPermitted,
)
from breakglass.models import BypassRequest, Gate, Policy, Tenant, Tier, User
from breakglass.queries import access, policies
from breakglass.queries.logs import standing
from breakglass.queries.requests import previews
from breakglass.rules import eligibility, tiers, window
from breakglass.rules.identifiers import (
    check_identifier,
    check_text,
    check_url,
)
from breakglass.rules.scopes import Scope
from breakglass.services.approving import freezing
from breakglass.services.approving.freezing import RequestWish
from breakglass.states import REQUEST_MOVES, RequestState, require_move
from breakglass.texts import joined, text

JUSTIFICATION_MINIMUM: Final = 10
JUSTIFICATION_MAXIMUM: Final = 2000


def open_request(
    *, tenant: Tenant, requester: User, wish: RequestWish
) -> BypassRequest:
    """
    Freezes a request, pins it to the current policy, and returns it.

    The same `form_key` of the same person is the same request: a double tap makes
    one, and SentAlready is raised when it comes again with other words or for another
    tenant. Raises
    InvalidInput or PolicyViolation with the field at fault, NotPermitted when the
    person may not ask for this gate, LogReadOnly when nothing can be recorded.
    """
    checked = _checked(wish)
    with transaction.atomic():
        # The person's row serialises their own requests: the limit and the form key.
        requester = User.objects.select_for_update(of=("self",), no_key=True).get(
            pk=requester.pk
        )
        sent = freezing.sent_before(tenant=tenant, requester=requester, wish=checked)
        if sent is not None:
            return sent
        gate = _gate(tenant=tenant, slug=checked.gate)
        _require_may_ask(tenant=tenant, requester=requester, gate=gate)
        policy, tier_row, tier = _tier_of(tenant=tenant, gate=gate, wish=checked)
        window.check_ttl(ttl=checked.ttl, choices=tier.ttl_choices)
        bypass = freezing.freeze(
            tenant=tenant,
            gate=gate,
            requester=requester,
            wish=checked,
            policy=policy,
            tier=tier_row,
        )
        _record_opening(bypass=bypass, tier=tier)
    return bypass


@transaction.atomic
def withdraw(*, tenant: Tenant, bypass_id: str, requester: User) -> BypassRequest:
    """Ends a pending request of one's own; Conflict when it has ended already."""
    bypass = access.lock_request(tenant=tenant, bypass_id=bypass_id)
    now = clock.db_now()
    if bypass.requester_id != requester.pk:
        msg = text("only the person who asked can withdraw a request")
        raise NotPermitted(msg)
    if bypass.state == RequestState.PENDING and now >= bypass.lapses_at:
        msg = text("this request has lapsed already")
        raise Conflict(msg)
    end(bypass=bypass, state=RequestState.WITHDRAWN, person=requester)
    ledger.append(
        tenant=tenant,
        event=events.REQUEST_WITHDRAWN,
        actor=requester.as_actor(),
        bypass_id=bypass.bypass_id,
        facts={"withdrawn_at": chain.timestamp(now)},
    )
    return bypass


def lapse_due(*, limit: int = 200) -> int:
    """Ends pending requests whose time is over; returns how many this call ended."""
    now = clock.db_now()
    due = standing.writable(
        BypassRequest.objects.filter(state=RequestState.PENDING, lapses_at__lte=now)
    ).order_by("lapses_at")[:limit]
    return sum(_lapse(bypass) for bypass in due.select_related("tenant"))


def end(
    *,
    bypass: BypassRequest,
    state: RequestState,
    person: User | None,
    comment: str = "",
) -> None:
    """Moves a locked, pending request to its end. For the services of its flow."""
    bypass.state = require_move(
        REQUEST_MOVES,
        current=RequestState(bypass.state),
        to=state,
        what="request",
    )
    bypass.ended_at = clock.db_now()
    bypass.ended_by = person
    bypass.end_comment = comment
    bypass.save(update_fields=["state", "ended_at", "ended_by", "end_comment"])


@transaction.atomic
def _lapse(bypass: BypassRequest) -> bool:
    locked = access.lock_request(tenant=bypass.tenant, bypass_id=bypass.bypass_id)
    now = clock.db_now()
    if locked.state != RequestState.PENDING or now < locked.lapses_at:
        return False  # somebody decided, withdrew or lapsed it first
    end(bypass=locked, state=RequestState.LAPSED, person=None)
    ledger.append(
        tenant=locked.tenant,
        event=events.REQUEST_LAPSED,
        actor=SCHEDULER,
        bypass_id=locked.bypass_id,
        facts={"lapsed_at": chain.timestamp(locked.lapses_at)},
    )
    outbox.promise(
        tenant=locked.tenant, topic=outbox.REQUEST_LAPSED, subject_id=locked.pk, now=now
    )
    return True


def _checked(wish: RequestWish) -> RequestWish:
    """Returns the wish with every value checked; raises InvalidInput by field."""
    if wish.impact not in set(tiers.Impact):
        msg = text("Choose how big the impact is: low or high")
        raise InvalidInput(msg, field="impact")
    return RequestWish(
        gate=check_identifier(wish.gate, field="gate"),
        service=check_identifier(wish.service, field="service"),
        branch=wish.branch and check_identifier(wish.branch, field="branch"),
        artifact=wish.artifact and check_identifier(wish.artifact, field="artifact"),
        impact=wish.impact,
        justification=check_text(
            wish.justification,
            field="justification",
            minimum=JUSTIFICATION_MINIMUM,
            maximum=JUSTIFICATION_MAXIMUM,
        ),
        incident_url=check_url(wish.incident_url, field="incident_url"),
        ttl=wish.ttl,
        form_key=wish.form_key,
        renews=wish.renews,
    )


def _gate(*, tenant: Tenant, slug: str) -> Gate:
    gate = (
        Gate.objects.filter(tenant=tenant, slug=slug).select_related("tenant").first()
    )
    if gate is None:
        msg = text("There is no gate of that name here. Choose one from the list")
        raise InvalidInput(msg, field="gate")
    return gate


def _require_may_ask(*, tenant: Tenant, requester: User, gate: Gate) -> None:
    pending = BypassRequest.objects.filter(
        requester=requester,
        tenant=tenant,
        state=RequestState.PENDING,
        lapses_at__gt=clock.DbNow(),
    )
    answer = eligibility.may_request(
        active=requester.is_active,
        member=access.may(user=requester, permission="view_tenant", on=tenant),
        may_ask_gate=access.may(
            user=requester, permission="request_gate_bypass", on=gate
        ),
        gate_active=gate.is_active,
        open_requests=pending.count(),
        open_limit=settings.OPEN_REQUEST_LIMIT,
    )
    if not answer.allowed:
        raise NotPermitted(joined(answer.reasons, between=" "))


def _tier_of(
    *, tenant: Tenant, gate: Gate, wish: RequestWish
) -> tuple[Policy, Tier, tiers.Tier]:
    policy = previews.require_policy(tenant=tenant)
    target = tiers.Target(
        scope=Scope(
            gate=gate.slug,
            service=wish.service,
            branch=wish.branch,
            artifact=wish.artifact,
        ),
        environment=gate.environment,
        data_class=gate.data_class,
    )
    chosen = tiers.select_tier(
        policy=policies.as_rules(policy=policy),
        target=target,
        impact=tiers.Impact(wish.impact),
    ).tier
    return policy, policy.tiers.get(slug=chosen.slug), chosen


def _record_opening(*, bypass: BypassRequest, tier: tiers.Tier) -> None:
    ledger.append(
        tenant=bypass.tenant,
        event=events.REQUEST_OPENED,
        actor=bypass.requester.as_actor(),
        bypass_id=bypass.bypass_id,
        facts={
            "digest": bypass.digest_hex,
            "gate": bypass.gate.slug,
            "service": bypass.service,
            "branch": bypass.branch,
            "artifact": bypass.artifact,
            "impact": bypass.impact,
            "justification": bypass.justification,
            "incident_url": bypass.incident_url,
            "ttl_seconds": bypass.ttl_seconds,
            "tier": tier.slug,
            "policy_version": bypass.policy.version,
            "lapses_at": chain.timestamp(bypass.lapses_at),
        },
    )
    outbox.promise(
        tenant=bypass.tenant,
        topic=outbox.REQUEST_OPENED,
        subject_id=bypass.pk,
        now=bypass.opened_at,
    )
    outbox.promise(
        tenant=bypass.tenant,
        topic=outbox.REQUEST_UNANSWERED,
        subject_id=bypass.pk,
        now=bypass.opened_at,
        due_at=bypass.opened_at + tier.remind_after,
    )
