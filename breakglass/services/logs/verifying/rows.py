"""Hold the rows against the log: one that says something else is a finding."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from breakglass.audit.chain import timestamp
from breakglass.audit.walk import Report
from breakglass.models import Approval, AuditEntry, BypassRequest, Grant, Tenant
from breakglass.queries.logs import entries as audit
from breakglass.services.logs.verifying import bundles
from breakglass.states import GrantState

_NAMED_IN: Final = ("request.", "grant.")


@dataclass(slots=True)
class Logged:
    """What the log says about requests, approvals and grants, to hold rows against."""

    opened: dict[str, str] = field(default_factory=dict)
    approved: dict[str, tuple[str, str]] = field(default_factory=dict)
    issued: dict[str, dict[str, Any]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)

    def note(self, content: dict[str, Any]) -> None:
        """Remembers one entry's content."""
        facts, bypass_id = content["facts"], content["bypass_id"]
        match content["event"]:
            case "request.opened":
                self.opened[bypass_id] = str(facts.get("digest"))
            case "request.approved":
                actor = content["actor"]["name"]
                self.approved[str(facts.get("bundle_sha256"))] = (bypass_id, actor)
            case "grant.issued":
                self.issued[bypass_id] = facts
            case "grant.expired" | "grant.revoked":
                self.closed.add(bypass_id)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one moment: their names, and what they say."""

    requests: dict[str, tuple[str, bool]]
    """By bypass ID: the digest, and whether the frozen bytes have it."""
    approvals: list[tuple[str, str, str]]
    """Bypass ID, SHA-256 of the bundle, and who approved with it."""
    grants: dict[str, tuple[str, dict[str, Any]]]
    """By bypass ID: the state and the terms."""


def read(*, tenant: Tenant, names: Iterable[str] | None = None) -> Rows:
    """
    Returns the tenant's rows, or those of some bypass IDs.

    Read them in the snapshot of the log's head that they are held against.
    """
    asked = BypassRequest.objects.filter(tenant=tenant)
    approved = Approval.objects.filter(request__tenant=tenant)
    granted = Grant.objects.filter(tenant=tenant)
    if names is not None:
        some = list(names)
        asked = asked.filter(bypass_id__in=some)
        approved = approved.filter(request__bypass_id__in=some)
        granted = granted.filter(request__bypass_id__in=some)
    return Rows(
        requests={
            row.bypass_id: (row.digest_hex, _has_its_digest(row))
            for row in asked.iterator()
        },
        approvals=[
            (
                row.request.bypass_id,
                bytes(row.bundle.sha256).hex(),
                bundles.person(row.bundle),
            )
            for row in approved.select_related("request", "bundle__intent").iterator()
        ],
        grants={
            row.request.bypass_id: (row.state, _terms(row))
            for row in granted.select_related("request", "gate").iterator()
        },
    )


def logged_of(*, tenant: Tenant, names: Iterable[str]) -> Logged:
    """Returns what the log says about some bypass IDs, from their entries."""
    logged = Logged()
    entries = AuditEntry.objects.filter(tenant=tenant, bypass_id__in=list(names))
    for entry in entries.order_by("seq").iterator():
        if entry.event.startswith(_NAMED_IN):
            try:
                logged.note(audit.body_of(entry=entry))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # such bytes are a finding of the walk
    return logged


def open_names(*, tenant: Tenant) -> set[str]:
    """Returns the bypass IDs of grants that no row has closed: what may be in force."""
    rows = Grant.objects.filter(tenant=tenant, state=GrantState.ACTIVE)
    return set(rows.values_list("request__bypass_id", flat=True))


def compare(rows: Rows, logged: Logged, report: Report) -> None:
    """Adds a finding for each row that the log does not know, or knows otherwise."""
    for name, (state, terms) in rows.grants.items():
        if name not in logged.issued:
            report.add(0, f"the grant of {name} is not in the log")
        elif not logged.issued[name].items() >= terms.items():
            report.add(0, f"the grant of {name} has other terms than the log")
        elif (state != GrantState.ACTIVE) != (name in logged.closed):
            report.add(0, f"the grant of {name} is {state}, and the log says otherwise")
    for name, digest, identity in rows.approvals:
        if logged.approved.get(digest) != (name, identity):
            report.add(0, f"an approval of {name} is not in the log")
    for name, (digest, is_its_own) in rows.requests.items():
        if not is_its_own:
            report.add(0, f"the frozen request {name} does not have its digest")
        elif logged.opened.get(name) != digest:
            report.add(0, f"the request {name} is not the one in the log")
    _compare_gone(rows, logged, report)


def _compare_gone(rows: Rows, logged: Logged, report: Report) -> None:
    for name in logged.issued.keys() - rows.grants.keys():
        report.add(0, f"the grant of {name} is in the log, and its row is gone")
    kept = {digest for _, digest, _ in rows.approvals}
    for digest in logged.approved.keys() - kept:
        name = logged.approved[digest][0]
        report.add(0, f"an approval of {name} is in the log, and gone")
    for name in logged.opened.keys() - rows.requests.keys():
        report.add(0, f"the request {name} is in the log, and its row is gone")


def _has_its_digest(row: BypassRequest) -> bool:
    return sha256(bytes(row.body)).digest() == bytes(row.digest)


def _terms(grant: Grant) -> dict[str, Any]:
    """Returns what a grant permits, in the words of its entry."""
    return {
        "gate": grant.gate.slug,
        "service": grant.service,
        "branch": grant.branch,
        "artifact": grant.artifact,
        "quorum": grant.quorum,
        "max_deploys": grant.max_deploys,
        "digest_required": grant.digest_required,
        "assurance": grant.assurance,
        "starts_at": timestamp(grant.starts_at),
        "expires_at": timestamp(grant.expires_at),
    }
