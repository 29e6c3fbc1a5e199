"""Grants in force at a moment, and as the decision rule sees them."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q
from django.db.models.functions import Coalesce, Least

from breakglass.clock import DbNow
from breakglass.models import Deploy, Gate, Grant, Tenant
from breakglass.rules.decision import DeployView, GrantView
from breakglass.rules.scopes import Scope
from breakglass.states import GrantState


def in_force_of(*, tenants: list[Tenant]) -> list[Grant]:
    """Returns what is bypassed right now in these tenants, soonest end first."""
    return list(
        Grant.objects.filter(
            tenant__in=tenants, state=GrantState.ACTIVE, expires_at__gt=DbNow()
        )
        .select_related("tenant", "gate", "request__requester", "request__tier")
        .order_by("expires_at")
    )


def last_closed(*, tenants: Sequence[Tenant], now: datetime) -> Grant | None:
    """Returns the bypass of these tenants whose window ended last, if any did."""
    return (
        Grant.objects.filter(tenant__in=tenants)
        .filter(~Q(state=GrantState.ACTIVE) | Q(expires_at__lte=now))
        .select_related("tenant", "request")
        .annotate(
            ended_at=Least(Coalesce("closed_at", "expires_at"), "expires_at"),
        )
        .order_by("-ended_at", "-pk")
        .first()
    )


def candidates(*, gate: Gate, service: str) -> list[Grant]:
    """Returns the grants on this gate and service that no sweep has closed yet."""
    return list(
        Grant.objects.filter(gate=gate, service=service, state=GrantState.ACTIVE)
        .select_related("gate", "request", "tenant__log_standing")
        .order_by("-expires_at", "-pk")
    )


def known_deploy(*, gate: Gate, deploy_id: str) -> Deploy | None:
    """Returns the deploy that this gate asked about before, if any."""
    return (
        Deploy.objects.filter(gate=gate, deploy_id=deploy_id)
        .select_related("gate", "grant__gate", "grant__request")
        .select_related("tenant__log_standing")
        .first()
    )


def grant_view(*, grant: Grant) -> GrantView:
    """Returns a grant as the decision rule sees it."""
    used = grant.deploys.count() if grant.max_deploys is not None else 0
    return GrantView(
        bypass_id=grant.request.bypass_id,
        scope=grant.scope,
        window=grant.window,
        state=grant.state,
        max_deploys=grant.max_deploys,
        deploys_used=used,
        digest_required=grant.digest_required,
        assurance=grant.assurance,
    )


def deploy_view(*, deploy: Deploy) -> DeployView:
    """Returns a deploy as the decision rule sees it."""
    return DeployView(
        deploy_id=deploy.deploy_id,
        scope=Scope(
            gate=deploy.gate.slug,
            service=deploy.service,
            branch=deploy.branch,
            artifact=deploy.artifact,
        ),
        state=deploy.state,
        grant=grant_view(grant=deploy.grant),
    )
