"""Stored bundles: read in pieces, verified here or by several processes."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from multiprocessing import get_context
from typing import Final

from django.db.models import Q, QuerySet

from breakglass.audit import verify
from breakglass.audit.verify import BundleChecks, Signed, StoredBundle
from breakglass.models import Bundle, Grant, Intent, Tenant
from breakglass.models.signing import IntentKind
from breakglass.services.approving.signatures import PORTALS_OWN
from breakglass.services.logs.verifying import children
from breakglass.signing import instance
from breakglass.signing.keyless import verifier_from_settings
from breakglass.states import IntentState

_AT_ONCE: Final = 500
_A_SHARE: Final = 32
_WORTH_PROCESSES: Final = 1_000
"""Starting processes takes a second or two: fewer bundles are verified sooner here."""


def all_of(tenant: Tenant) -> QuerySet[Bundle]:
    """Returns every bundle of the tenant."""
    return Bundle.objects.filter(intent__tenant=tenant)


def named_or_sealing(
    tenant: Tenant, *, digests: Iterable[str], since: int
) -> QuerySet[Bundle]:
    """Returns the bundles that entries name, and those of checkpoints after `since`."""
    named = Q(sha256__in=[bytes.fromhex(digest) for digest in digests])
    return all_of(tenant).filter(named | Q(intent__checkpoint__size__gt=since))


def stored(rows: QuerySet[Bundle]) -> Iterator[StoredBundle]:
    """Yields bundles as the verifier takes them, by keyset: no long transaction."""
    linked = rows.select_related("intent__request", "intent__checkpoint").order_by("pk")
    last = 0
    while some := list(linked.filter(pk__gt=last)[:_AT_ONCE]):
        for row in some:
            yield StoredBundle(
                raw=bytes(row.bundle),
                statement=bytes(row.intent.statement),
                identity=row.identity,
                kind=row.intent.kind,
                subject_sha256=_subject(row.intent),
                person=person(row),
                signed_by=row.signed_by,
            )
        last = some[-1].pk


@contextmanager
def checks(*, processes: int, expected: int) -> Iterator[BundleChecks]:
    """Gives the check of many bundles; its processes end with the block."""
    verifier = verifier_from_settings()
    if processes < 2 or expected < _WORTH_PROCESSES:  # noqa: PLR2004 - two or more
        yield verify.in_turn(children.check_by(verifier))
        return
    with ProcessPoolExecutor(
        processes,
        mp_context=get_context("spawn"),
        initializer=children.begin,
        initargs=(verifier,),
    ) as pool:

        def shared(signed: Sequence[Signed]) -> Iterable[str]:
            shares = [
                signed[at : at + _A_SHARE] for at in range(0, len(signed), _A_SHARE)
            ]
            return [
                wrong for some in pool.map(children.check, shares) for wrong in some
            ]

        yield shared


def person(bundle: Bundle) -> str:
    """Returns who approved: whom the certificate names, or the signed statement."""
    if instance.is_workload(identity=bundle.identity, issuer=bundle.issuer):
        return instance.approver_named_in(bytes(bundle.intent.statement))
    return bundle.identity


def unsigned(tenant: Tenant) -> int:
    """Counts the portal's own statements that wait for their signature."""
    return Intent.objects.filter(
        tenant=tenant, kind__in=PORTALS_OWN, state=IntentState.COMMITTED
    ).count()


def _subject(intent: Intent) -> str:
    """Returns the digest of what is signed; nothing when that row is gone."""
    if intent.kind == IntentKind.CHECKPOINT:
        sealed = getattr(intent, "checkpoint", None)  # a missing row raises otherwise
        return bytes(sealed.head_hash).hex() if sealed is not None else ""
    if intent.kind == IntentKind.COUNTERSIGNATURE:
        grant = Grant.objects.filter(request=intent.request).first()
        bundle = Bundle.objects.filter(intent=grant.statement_id if grant else 0)
        return "".join(bytes(one.sha256).hex() for one in bundle)
    return sha256(bytes(intent.request.body)).hexdigest() if intent.request else ""
