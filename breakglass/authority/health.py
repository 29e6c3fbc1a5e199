"""Whether the authority can sign now, and if not, why: for probes and for people."""

from datetime import UTC, datetime
from typing import Final

from breakglass.authority.errors import Unavailable
from breakglass.authority.fulcio import CERTIFICATE_TTL
from breakglass.authority.installation import Installation
from breakglass.authority.store import Store, Transaction
from breakglass.authority.wire import JsonObject

OK: Final = "ok"
FAILED: Final = "failed"


def report(installation: Installation, store: Store) -> JsonObject:
    """
    Returns the state of every part; ``status`` is `OK` only if a signature would work.

    Never raises for a database that does not answer: that is one of the states.
    """
    generation = installation.generation
    parts: JsonObject = {
        "generation": generation.number,
        "keys": _keys(installation),
        "certificate_authority": _authority(installation),
    }
    try:
        with store.transaction() as transaction:
            parts |= _database(transaction, installation)
    except Unavailable as exc:
        parts["database"] = str(exc)
    names = ("database", "keys", "certificate_authority")
    healthy = all(parts[name] == OK for name in names)
    return {"status": OK if healthy else FAILED, **parts}


def _database(transaction: Transaction, installation: Installation) -> JsonObject:
    live = installation.generation
    log, certificates = transaction.head(live.log_tree), transaction.head(live.ct_tree)
    state = OK
    if transaction.is_read_only():
        state = "the log's database takes no writes"
    elif not transaction.has_log(live.number, live.log_id):
        state = "the database holds another log than these keys sign"
    elif log.closed or certificates.closed:
        state = "the log of this generation is closed: restart the authority"
    first = transaction.first_indices().get(live.number, 0)
    return {
        "database": state,
        "entries": first + log.size,
        "certificates": certificates.size,
    }


def _keys(installation: Installation) -> str:
    if installation.is_current():
        return OK
    return "the keys were rotated, or installation.json is gone: restart the authority"


def _authority(installation: Installation) -> str:
    now = datetime.now(UTC)
    issuing, root = installation.ring.chain
    if now + CERTIFICATE_TTL > min(
        issuing.not_valid_after_utc, root.not_valid_after_utc
    ):
        return "the CA certificates have ended: run authority rotate"
    if now < issuing.not_valid_before_utc:
        return "the CA certificate has not begun: is this machine's clock right?"
    return OK
