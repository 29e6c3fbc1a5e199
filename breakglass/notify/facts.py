"""What messages are about, frozen: the values that a text is made of."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Need:
    """How many people of which group still have to approve."""

    group: str
    count: int


@dataclass(frozen=True, slots=True)
class BypassFacts:
    """A request as of now; `site` is the portal's address without a slash behind."""

    site: str
    tenant: str
    bypass_id: str
    gate: str
    service: str
    branch: str
    artifact: str
    requester: str
    requester_email: str
    justification: str
    incident_url: str
    impact: str
    tier: str
    tier_slug: str
    ttl: timedelta
    needs: tuple[Need, ...]
    lapses_at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """A grant as of now; `closed_by` is empty unless a person closed it early.

    `is_offline`: it was signed under the outage fallback.
    """

    bypass: BypassFacts
    expires_at: datetime
    ttl: timedelta
    max_deploys: int | None
    deploys: int
    closed_at: datetime | None
    closed_by: str
    close_reason: str
    postmortem_due_at: datetime
    assignee: str
    is_offline: bool = False


@dataclass(frozen=True, slots=True)
class DeployFacts:
    """A deploy that was in flight when its grant closed."""

    bypass: BypassFacts
    deploy_id: str
    admitted_at: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class CredentialFacts:
    """A passkey of the person who is told; `usable_from` once every log names it."""

    site: str
    name: str
    enrolled_at: datetime
    usable_from: datetime | None
    revoked_at: datetime | None
    revoked_by: str


@dataclass(frozen=True, slots=True)
class PasswordUsedFacts:
    """A sign-in with the password, where single sign-on is set up."""

    site: str
    tenant: str
    name: str
    email: str
    at: datetime
