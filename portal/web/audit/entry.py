"""One entry of the log with its proofs, and the files that prove it elsewhere."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from breakglass import clock
from breakglass.audit import export_readme, export_trust
from breakglass.errors import NotFound, Unavailable
from breakglass.models import AuditEntry, Bundle, Tenant
from breakglass.queries import messages, policies
from breakglass.queries.logs import entries as log
from breakglass.queries.logs import standing
from breakglass.states import SignedBy
from breakglass.texts import text
from portal.http import custody
from portal.http.audit import bundle as audit_bundle
from portal.http.audit import checks, passkey_checks, words
from portal.http.audit.standing import newest_signed, readable
from portal.http.htmx import PageRequest, render_page


@login_required
@require_GET
def entry(request: PageRequest, tenant_slug: str, seq: int) -> HttpResponse:
    """One entry: what happened in words, what is proven, and the bytes themselves."""
    tenant = readable(request, tenant_slug)
    found = log.entry(tenant=tenant, seq=seq)
    head = log.head(tenant=tenant)
    context = {
        "tenant": tenant,
        "entry": found,
        "title": words.sentence(found),
        "facts": words.facts(found),
        "pretty": checks.pretty(found),
        "hash": bytes(found.entry_hash).hex(),
        "next": seq + 1 if head is not None and head.seq > seq else None,
        "policy_version": _policy_version(tenant, found),
        "sign_in": checks.sign_in(found),
        "now": clock.db_now(),
        **_proof(tenant, found),
    }
    return render_page(request, "audit/entry.html", context)


@login_required
@require_GET
def bundle(request: PageRequest, tenant_slug: str, seq: int) -> HttpResponse:
    """The signature's exact bytes, as stock Sigstore tools read them."""
    tenant = readable(request, tenant_slug)
    found = _bundle(log.entry(tenant=tenant, seq=seq))
    name = f"{tenant.slug}-{seq}.sigstore.json"
    return _download(bytes(found.bundle), name=name, kind="application/json")


@login_required
@require_GET
def body(request: PageRequest, tenant_slug: str, seq: int) -> HttpResponse:
    """The entry's exact bytes: RFC 8785 JSON, as they were hashed."""
    tenant = readable(request, tenant_slug)
    found = log.entry(tenant=tenant, seq=seq)
    name = f"{tenant.slug}-{seq}.json"
    return _download(bytes(found.body), name=name, kind="application/json")


@login_required
@require_GET
def statement(request: PageRequest, tenant_slug: str, seq: int) -> HttpResponse:
    """The exact bytes that were signed: what a signature over bytes is checked with."""
    tenant = readable(request, tenant_slug)
    found = _bundle(log.entry(tenant=tenant, seq=seq))
    name = f"{tenant.slug}-{seq}.statement.json"
    raw = bytes(found.intent.statement)
    return _download(raw, name=name, kind="application/json")


@login_required
@require_GET
def trust_note(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """Keys and names for `verify_evidence.py --trust`; it holds no secret."""
    tenant = readable(request, tenant_slug)
    raw = json.dumps(export_trust.note(tenant=tenant), indent=1).encode()
    return _download(raw, name="trust.json", kind="application/json")


@login_required
@require_GET
def trust_config(request: PageRequest, tenant_slug: str) -> HttpResponse:
    """The trust config that a verifier elsewhere needs; it holds no secret."""
    readable(request, tenant_slug)
    try:
        raw = Path(settings.TRUST_CONFIG).read_bytes()
        json.loads(raw)
    except (OSError, ValueError) as error:
        msg = text("the trust config cannot be read here now")
        raise Unavailable(msg) from error
    return _download(raw, name="trust_config.json", kind="application/json")


def _proof(tenant: Tenant, found: AuditEntry) -> dict[str, Any]:
    found.tenant = tenant
    signed, previous = _signed(found), _previous(tenant, found)
    lines = checks.checks(
        entry=found,
        previous=previous,
        bundle=signed,
        checkpoint=newest_signed(tenant),
    )
    lines[-1:-1] = passkey_checks.lines(found)
    failed = [line for line in lines if line.state == checks.FAILED]
    known = _known(tenant, found)
    waiting = [line for line in lines if line.state == checks.WAITING]
    return {
        "checks": lines,
        "failed": failed,
        "known": known,
        "is_bad": bool(failed or known),
        "is_waiting": bool(waiting) and not failed and not known,
        **_shown(tenant, found, signed),
        "embedded": custody.is_embedded(signed),
        "issuer": settings.SIGNING_ISSUER,
        "previous": previous.seq if previous else None,
    }


def _known(tenant: Tenant, found: AuditEntry) -> dict[str, Any] | None:
    """What a check of the log found about this entry: since when, and who was told."""
    row = standing.of(tenant=tenant)
    if row is None or row.finding_at is None:
        return None
    is_first = row.finding_seq == found.seq
    if not is_first and found.seq not in (row.bad_entries or ()):
        return None
    return {
        "what": row.finding if is_first else "",
        "since": row.finding_at,
        "told": messages.told_of_finding(standing=row),
    }


def _policy_version(tenant: Tenant, found: AuditEntry) -> int | None:
    """The version that the entry names, else that its request is pinned to."""
    named = checks.policy_version(found)
    if named is not None or not found.bypass_id:
        return named
    return policies.pinned_version(tenant=tenant, bypass_id=found.bypass_id)


def _shown(tenant: Tenant, found: AuditEntry, signed: Bundle | None) -> dict[str, Any]:
    """A bundle of the sealed key has no certificate, and no stock command."""
    if signed is None or signed.signed_by == SignedBy.SEALED_KEY:
        return {"signature": None, "command": ""}
    return {
        "signature": audit_bundle.signature_of(signed),
        "command": _command(tenant, found, signed),
    }


def _command(tenant: Tenant, found: AuditEntry, signed: Bundle) -> str:
    """The stock command, over the files as they are downloaded from this page."""
    raw = bytes(signed.intent.statement)
    said = export_readme.describe(bundle=signed, statement=raw)
    name = f"{tenant.slug}-{found.seq}"
    is_file = not said.subject.startswith("sha256:")
    return export_readme.stock_command(
        bundle=f"{name}.sigstore.json",
        identity=said.identity,
        issuer=said.issuer,
        subject=f"{name}.statement.json" if is_file else said.subject,
        break_lines=True,
    )


def _previous(tenant: Tenant, found: AuditEntry) -> AuditEntry | None:
    """A hole in the log is a finding on the page, not a page that is not found."""
    try:
        return log.entry(tenant=tenant, seq=found.seq - 1)
    except NotFound:
        return None


def _signed(found: AuditEntry) -> Bundle | None:
    """Bytes that do not parse name no bundle; the checks say what is wrong."""
    try:
        return log.bundle_of(entry=found)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _bundle(found: AuditEntry) -> Bundle:
    signed = _signed(found)
    if signed is None:
        msg = text("this entry carries no signature of its own")
        raise NotFound(msg)
    return signed


def _download(raw: bytes, *, name: str, kind: str) -> HttpResponse:
    response = HttpResponse(raw, content_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response
