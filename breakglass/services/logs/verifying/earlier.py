"""What the log said before the entry at which a check begins: keys, and demands."""

from typing import Final

from breakglass.audit import events, passkeys
from breakglass.audit.walk import Checked
from breakglass.models import AuditEntry, Tenant
from breakglass.queries.logs import entries

_RECALLED: Final = (
    events.CREDENTIAL_ENROLLED,
    events.CREDENTIAL_REVOKED,
    events.POLICY_PUBLISHED,
)


def known(*, tenant: Tenant, upto: int) -> passkeys.Known:
    """
    Returns the passkeys and the policies' demands of the entries up to one.

    They were verified when they came: what was wrong with them is said already.
    """
    made = passkeys.Known()
    rows = AuditEntry.objects.filter(tenant=tenant, seq__lte=upto, event__in=_RECALLED)
    for row in rows.order_by("seq").iterator():
        _note(made, row)
    return made


def recall_request(known: passkeys.Known, *, tenant: Tenant, bypass_id: str) -> None:
    """Notes under which policy a request was opened, if that was before."""
    if bypass_id in known.asked:
        return
    opened = AuditEntry.objects.filter(
        tenant=tenant, event=events.REQUEST_OPENED, bypass_id=bypass_id
    ).first()
    if opened is not None:
        _note(known, opened)


def _note(known: passkeys.Known, row: AuditEntry) -> None:
    try:
        content = entries.body_of(entry=row)
    except ValueError:
        return  # such bytes are a finding of the whole check
    entry = Checked(seq=row.seq, entry_hash=bytes(row.entry_hash), content=content)
    for _ in passkeys.problems(entry, known=known):
        continue
