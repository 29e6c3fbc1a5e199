"""The log's clock, and the errors of its database, without a database."""

import pytest

from breakglass.authority import rotation, store
from breakglass.authority.errors import InstallationTrouble, NotUsable, Unavailable
from breakglass.authority.store import Store, Transaction


class CannedConnection:
    """Answers each query with the next row."""

    def __init__(self, *rows) -> None:
        self.rows = list(rows)

    def execute(self, *_):
        return self

    def fetchone(self):
        return self.rows.pop(0)


@pytest.mark.parametrize(
    ("clock", "last_ms", "expected"),
    [(100.5, 99_000, 100_500), (100.5, 100_500, 100_500), (42.0, 100_500, 100_500)],
)
def test_the_logs_time_never_runs_backwards(clock, last_ms, expected):
    connection = CannedConnection((7, "note", False), (last_ms,))
    head = Transaction(connection, lambda: clock).lock("ct")
    assert (head.size, head.checkpoint, head.now_ms) == (7, "note", expected)


def test_a_log_that_was_never_prepared_is_unavailable():
    with pytest.raises(Unavailable, match="not prepared"):
        Transaction(CannedConnection(None), lambda: 0.0).lock("ct")


def test_a_database_that_does_not_answer_is_unavailable(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "CONNECT_SECONDS", 0.2)
    nowhere = Store(f"postgresql:///x?host={tmp_path}", size=1)
    try:
        with pytest.raises(Unavailable), nowhere.transaction():
            pass
    finally:
        nowhere.close()


def test_a_log_that_a_rotation_closed_is_not_grown():
    with pytest.raises(Unavailable, match="restart the authority"):
        Transaction(CannedConnection((7, "note", True)), lambda: 0.0).lock("ct")


def test_preparing_says_which_database_cannot_be_reached(tmp_path, installation):
    with pytest.raises(InstallationTrouble, match="cannot be used"):
        rotation.bring_up(installation, f"postgresql:///x?host={tmp_path}")


def test_a_malformed_database_url_is_not_repeated(installation):
    with pytest.raises(NotUsable) as refusal:
        rotation.bring_up(installation, "postgres://user:secret@[x/")
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None
