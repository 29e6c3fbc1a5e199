"""
What a grant of the fallback owes: the instance's signature within a day.

Nothing here signs: the statement is committed once the instance answers again, and
`signatures.sign_due` signs it there, never with the fallback. A deadline that passes
flags the grant for ever; a late signature is one more entry and takes nothing back.
"""

from datetime import datetime
from hashlib import sha256

from django.conf import settings
from django.db import transaction

from breakglass import clock, outbox
from breakglass.actors import SCHEDULER
from breakglass.audit import chain, events, ledger
from breakglass.models import Bundle, Countersignature, Grant, Intent
from breakglass.models.signing import IntentKind
from breakglass.rules.outage import COUNTERSIGN_WITHIN
from breakglass.signing import statements
from breakglass.states import IntentState, SignedBy


def owe(*, grant: Grant) -> None:
    """Writes down, with the grant, until when the instance has to have signed it."""
    Countersignature.objects.create(
        grant=grant, due_at=grant.starts_at + COUNTERSIGN_WITHIN
    )


def countersign_due(*, limit: int = 100) -> int:
    """
    Commits the statements that can be signed now, and flags what is past its deadline.

    Returns how many rows changed. Safe to run twice and at once.
    """
    now = clock.db_now()
    open_ones = Countersignature.objects.filter(signed_at__isnull=True)
    late = open_ones.filter(flagged_at__isnull=True, due_at__lte=now)
    flagged = sum(_flag_locked(pk) for pk in late.values_list("pk", flat=True)[:limit])
    unsaid = open_ones.filter(
        statement__isnull=True, grant__statement__bundle__isnull=False
    ).order_by("due_at")
    return flagged + sum(
        _commit(pk) for pk in unsaid.values_list("pk", flat=True)[:limit]
    )


def record(*, intent: Intent, bundle: Bundle) -> None:
    """Writes down that the instance signed, and whether it was too late. Locks."""
    row = _locked(intent.counter.pk)
    now = clock.db_now()
    if row.flagged_at is None and now >= row.due_at:
        _flag(row, now=now)  # the deadline passed, whether or not a sweep has run
    row.signed_at = now
    row.save(update_fields=["signed_at"])
    ledger.append(
        tenant=row.grant.tenant,
        event=events.GRANT_COUNTERSIGNED,
        actor=SCHEDULER,
        bypass_id=row.grant.request.bypass_id,
        facts={
            "bundle_sha256": bytes(bundle.sha256).hex(),
            "identity": bundle.identity,
            "issuer": bundle.issuer,
            "log_index": bundle.log_index,
            "due_at": chain.timestamp(row.due_at),
            "late": row.flagged_at is not None,
        },
    )


@transaction.atomic
def _commit(pk: int) -> bool:
    """
    Commits the statement, once the instance has signed anything after the grant.

    Not before: the statement says when it was made, and made on the first day of a
    long outage it would claim a punctuality that nobody owed it.
    """
    row = _locked(pk)
    if row.statement_id is not None or not _instance_is_back(row.grant):
        return False
    now = clock.db_now()
    row.statement = Intent.objects.create(
        tenant=row.grant.tenant,
        kind=IntentKind.COUNTERSIGNATURE,
        state=IntentState.COMMITTED,
        request=row.grant.request,
        statement=_statement(grant=row.grant, now=now),
        created_at=now,
        next_try_at=now,
    )
    row.save(update_fields=["statement"])
    return True


def _instance_is_back(grant: Grant) -> bool:
    return Bundle.objects.filter(
        signed_by=SignedBy.INSTANCE,
        identity=settings.SIGNING_WORKLOAD,
        verified_at__gt=grant.starts_at,
    ).exists()


def _statement(*, grant: Grant, now: datetime) -> bytes:
    """The subject is the grant's own bundle, byte for byte as it was made then."""
    provisional = sha256(bytes(grant.statement.bundle.bundle)).digest()
    given = grant.request.approvals.select_related("bundle").order_by("pk")
    bypass_id = grant.request.bypass_id
    return statements.statement(
        name=bypass_id,
        sha256=provisional,
        predicate_type=statements.COUNTERSIGNATURE_TYPE,
        predicate={
            "bypass_id": bypass_id,
            "tenant": str(grant.tenant.public_id),
            "grant_bundle_sha256": provisional.hex(),
            "approval_bundles": [bytes(a.bundle.sha256).hex() for a in given],
            "issued_at": chain.timestamp(grant.starts_at),
            "countersigned_at": chain.timestamp(now),
        },
    )


@transaction.atomic
def _flag_locked(pk: int) -> bool:
    row = _locked(pk)
    now = clock.db_now()
    if row.flagged_at is not None or row.signed_at is not None or now < row.due_at:
        return False  # somebody else was here first
    _flag(row, now=now)
    return True


def _flag(row: Countersignature, *, now: datetime) -> None:
    row.flagged_at = now
    row.save(update_fields=["flagged_at"])
    ledger.append(
        tenant=row.grant.tenant,
        event=events.GRANT_UNVERIFIED,
        actor=SCHEDULER,
        bypass_id=row.grant.request.bypass_id,
        facts={"due_at": chain.timestamp(row.due_at)},
    )
    outbox.promise(
        tenant=row.grant.tenant,
        topic=outbox.GRANT_UNVERIFIED,
        subject_id=row.grant_id,
        now=now,
    )


def _locked(pk: int) -> Countersignature:
    return (
        Countersignature.objects.select_for_update(of=("self",), no_key=True)
        .select_related("grant__tenant", "grant__request", "grant__statement__bundle")
        .get(pk=pk)
    )
