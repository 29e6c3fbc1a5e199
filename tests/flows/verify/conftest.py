"""A sealed log with two signed grants, and a forger who owns the database."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from breakglass.services.approving import signatures
from breakglass.services.logs import sealing
from tests import database, factories

GUARDED = (
    "auditentry",
    "chainhead",
    "bundle",
    "approval",
    "bypassrequest",
    "grant",
    "checkpoint",
    "intent",
    "postmortem",
)
_MODES = {"O": "ENABLE", "A": "ENABLE ALWAYS", "D": "DISABLE", "R": "ENABLE REPLICA"}
_CHECK = "auditentry_hash_is_of_body"


@pytest.fixture
def checkpoints(settings, tmp_path):
    """Where the sealed checkpoints are kept, outside the database."""
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")
    return Path(settings.CHECKPOINT_DIR) / "acme.jsonl"


@pytest.fixture
def seal(checkpoints):
    """Seals, signs and publishes, as three sweeps would."""

    def _seal():
        sealing.seal_due()
        signatures.sign_due()
        sealing.seal_due()
        return checkpoints

    return _seal


@pytest.fixture
def story(transactional_db, acme, people, gate, charlie, seal):
    """Two granted requests and a change of roles behind them, sealed at its end."""
    first = factories.request(acme, people.oncall, gate)
    second = factories.request(acme, people.oncall, gate, service="payments")
    grants = [factories.approve(b, people.peer).grant for b in (first, second)]
    factories.join(acme, people.senior, "auditors")
    file = seal()
    return SimpleNamespace(
        tenant=acme, first=first, second=second, grants=grants, file=file
    )


@pytest.fixture
def forge(transactional_db):
    """
    Runs SQL as the owner with every guard off: `forge(sql, params)`.

    This is who the verifier is for: the guards stop the app, never the owner. The
    guards come back after each statement as they were, the hash check at the end.
    """
    with database.as_owner() as owner:
        (check,) = owner.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s",
            [_CHECK],
        ).fetchone()
        owner.execute(f"ALTER TABLE breakglass_auditentry DROP CONSTRAINT {_CHECK}")

        def _forge(statement, params=()):
            modes = _guards(owner)
            for table in GUARDED:
                owner.execute(f"ALTER TABLE breakglass_{table} DISABLE TRIGGER USER")
            try:
                return owner.execute(statement, params)
            finally:
                for table, name, mode in modes:
                    owner.execute(f"ALTER TABLE {table} {_MODES[mode]} TRIGGER {name}")

        yield _forge
    database.flush()  # what was forged would not pass the check
    with database.as_owner() as owner:
        owner.execute(
            f"ALTER TABLE breakglass_auditentry ADD CONSTRAINT {_CHECK} {check}"
        )


def _guards(owner):
    return owner.execute(
        "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger "
        "WHERE NOT tgisinternal AND tgrelid::regclass::text = ANY (%s)",
        [[f"breakglass_{table}" for table in GUARDED]],
    ).fetchall()
