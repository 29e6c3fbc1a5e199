"""The embedded PostgreSQL: its life on one data folder, and the roles on it."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from portal.runtime import footing, placement, roles, sockets
from portal.runtime.parts import ROOT
from portal.runtime.postgres import Postgres
from portal.runtime.problems import RuntimeProblem
from portal.runtime.supervisor import Supervisor

APP = roles.Account("t_app", "t_db", "app's pass/word")
OWNER = roles.Account("t_owner", "t_db", "owner's")
AUTHORITY = roles.Account("t_authority", "t_authority", "authority's")


@pytest.fixture(scope="module")
def place() -> Iterator[placement.Placement]:
    folder = sockets.private_dir()
    folder.chmod(0o711)
    yield placement.place(folder / "pg")
    subprocess.run(["/bin/rm", "-rf", str(folder)], check=True)  # noqa: S603


@pytest.fixture(scope="module")
def server(
    place: placement.Placement, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Postgres]:
    with Supervisor(tmp_path_factory.mktemp("log")) as supervisor:
        made = Postgres.at(place, socket_dir(supervisor), durable=False)
        made.start(supervisor)
        yield made
    made.close()


def socket_dir(supervisor: Supervisor) -> Path:
    folder = sockets.private_dir()
    supervisor.remove_at_end(folder)
    return folder


def prepare(server: Postgres, admin: str = "postgres") -> None:
    roles.prepare_database(
        server.url("postgres", admin), app=APP, owner=OWNER, authority=AUTHORITY
    )


def test_the_server_has_checksums_and_no_tcp_port(server: Postgres) -> None:
    with psycopg.connect(server.url("postgres")) as link:
        for setting, value in (
            ("data_checksums", "on"),
            ("listen_addresses", ""),
            ("unix_socket_permissions", "0700"),
            ("fsync", "off"),
        ):
            found = link.execute("SELECT current_setting(%s)", [setting]).fetchone()
            assert found == (value,), setting
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700


def test_a_second_server_on_the_same_folder_gets_one_clear_sentence(
    server: Postgres,
    place: placement.Placement,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("portal.runtime.postgres._LOCK_SECONDS", 0.1)
    with Supervisor(tmp_path) as supervisor:
        second = Postgres.at(place, socket_dir(supervisor), durable=False)
        with pytest.raises(RuntimeProblem, match=r"Another PostgreSQL.*stop it first"):
            second.start(supervisor)


def test_preparing_twice_changes_nothing(server: Postgres) -> None:
    prepare(server)
    prepare(server)
    with psycopg.connect(server.url("t_db", "t_app")) as link:
        found = [
            link.execute("SELECT current_setting(%s)", [name]).fetchone()
            for name in roles.APP_LIMITS
        ]
    assert found == [("15s",), ("5s",), ("30s",)]


def test_the_app_works_on_tables_and_owns_none(server: Postgres) -> None:
    prepare(server)
    with psycopg.connect(server.url("t_db", "t_owner"), autocommit=True) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS t (id serial PRIMARY KEY, n int)")
    with psycopg.connect(server.url("t_db", "t_app"), autocommit=True) as app:
        app.execute("INSERT INTO t (n) VALUES (1)")
        app.execute("UPDATE t SET n = 2")
        app.execute("DELETE FROM t")
        for refused in ("TRUNCATE t", "DROP TABLE t", "CREATE TABLE mine ()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(refused)


def test_preparing_again_gives_back_nothing_that_a_migration_took(
    server: Postgres,
) -> None:
    prepare(server)
    with psycopg.connect(server.url("t_db", "t_owner"), autocommit=True) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS ledger (n int)")
        owner.execute("REVOKE UPDATE, DELETE ON ledger FROM t_app")
    prepare(server)
    with psycopg.connect(server.url("t_db", "t_app"), autocommit=True) as app:
        app.execute("INSERT INTO ledger VALUES (1)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("UPDATE ledger SET n = 2")


def test_a_database_that_was_migrated_too_early_is_refused(server: Postgres) -> None:
    owner = roles.Account("early_owner", "early")
    with psycopg.connect(server.url("postgres"), autocommit=True) as link:
        link.execute("CREATE ROLE early_owner LOGIN")
        link.execute("CREATE DATABASE early OWNER early_owner")
    with psycopg.connect(server.url("early", "early_owner"), autocommit=True) as link:
        link.execute("CREATE TABLE t (n int)")
    with pytest.raises(RuntimeProblem, match=r"1 tables are closed to early_app"):
        roles.prepare_database(
            server.url("postgres"), app=roles.Account("early_app", "early"), owner=owner
        )


def test_an_administrator_without_superuser_can_prepare_too(server: Postgres) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as link:
        link.execute("CREATE ROLE cloud_admin LOGIN CREATEROLE CREATEDB")
    accounts = {
        "app": roles.Account("cloud_app", "cloud"),
        "owner": roles.Account("cloud_owner", "cloud"),
        "authority": roles.Account("cloud_authority", "cloud_authority"),
    }
    admin = server.url("postgres", "cloud_admin")
    roles.prepare_database(admin, **accounts)
    roles.prepare_database(admin, **accounts)
    with psycopg.connect(server.url("cloud", "cloud_owner"), autocommit=True) as link:
        link.execute("CREATE TABLE t (n int)")
    with psycopg.connect(server.url("cloud", "cloud_app")) as link:
        assert link.execute("SELECT * FROM t").fetchall() == []
    with (
        pytest.raises(psycopg.OperationalError, match="permission denied"),
        psycopg.connect(server.url("cloud_authority", "cloud_app")),
    ):
        pytest.fail("the app reached the authority's database")


def test_a_superuser_as_the_apps_role_is_refused(server: Postgres) -> None:
    with pytest.raises(RuntimeProblem, match="postgres is a superuser"):
        roles.prepare_database(
            server.url("postgres"), app=roles.Account("postgres", roles.DATABASE)
        )


def test_passwords_reach_the_server_as_hashes_only(server: Postgres) -> None:
    prepare(server)
    with psycopg.connect(server.url("postgres")) as link:
        kept = link.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = 't_app'"
        ).fetchone()
    assert kept is not None
    assert str(kept[0]).startswith("SCRAM-SHA-256$")


KILLED = """
import os, signal, sys
from pathlib import Path
from portal.runtime import placement, sockets
from portal.runtime.postgres import Postgres
from portal.runtime.supervisor import Supervisor
base = Path(sys.argv[1])
supervisor = Supervisor(base / "log")
server = Postgres.at(placement.place(base / "pg"), sockets.private_dir(), durable=False)
supervisor.remove_at_end(server.socket_dir)
server.start(supervisor)
print(supervisor.pid_of("postgres"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_data_of_a_killed_server_is_used_again(tmp_path: Path) -> None:
    base = sockets.private_dir()
    base.chmod(0o711)
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", KILLED, str(base)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        with Supervisor(tmp_path) as supervisor:
            place = placement.place(base / "pg")
            server = Postgres.at(place, socket_dir(supervisor), durable=False)
            server.start(supervisor)  # waits for the killed one's end
            with psycopg.connect(server.url("postgres")) as link:
                assert link.execute("SELECT 1").fetchone() == (1,)
            supervisor.stop()
            server.close()
            # As after a restart of a container: the number now means another program.
            (place.data_dir / "postmaster.pid").write_text(f"{os.getpid()}\n")
        with Supervisor(tmp_path) as supervisor:
            again = Postgres.at(place, socket_dir(supervisor), durable=False)
            again.start(supervisor)
        again.close()
    finally:
        subprocess.run(["/bin/rm", "-rf", str(base)], check=True)  # noqa: S603


def test_a_missing_wheel_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", {}.get)
    with pytest.raises(RuntimeProblem, match="set DATABASE_URL"):
        placement.wheel_install()


def test_data_of_another_release_is_refused(
    place: placement.Placement, tmp_path: Path
) -> None:
    old = tmp_path / "pg"
    old.mkdir()
    (old / "PG_VERSION").write_text("12\n")
    server = Postgres(
        old, tmp_path, durable=False, footing=footing.OWN, install=place.install
    )
    with (
        Supervisor(tmp_path / "log") as supervisor,
        pytest.raises(RuntimeProblem, match="made by PostgreSQL 12"),
    ):
        server.start(supervisor)
    server.close()


def test_a_failed_setup_leaves_no_half_made_data(tmp_path: Path) -> None:
    broken = tmp_path / "install" / "bin"
    broken.mkdir(parents=True)
    (broken / "initdb").write_text(
        "#!/bin/sh\necho 'initdb: error: No space left on device' >&2\nexit 1\n"
    )
    (broken / "initdb").chmod(0o755)
    server = Postgres(
        tmp_path / "pg", tmp_path, footing=footing.OWN, install=tmp_path / "install"
    )
    with (
        Supervisor(tmp_path / "log") as supervisor,
        pytest.raises(RuntimeProblem, match=r"set up its data.*the disk is full"),
    ):
        server.start(supervisor)
    server.close()
    assert not (tmp_path / "pg").exists()
    assert not (tmp_path / "pg.new").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a lesser footing")
def test_root_without_a_way_to_var_keeps_its_data_elsewhere_and_says_so(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    if footing.NOBODY.check() != 0:
        pytest.skip("this machine allows no change of user")
    found = placement.place(closed / "pg", footing=footing.NOBODY)
    try:
        assert found.note is not None
        assert str(found.data_dir.parent) in found.note
        assert found.data_dir.parent.stat().st_uid == 0
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        # The next start finds the same place; without var/ it is another one.
        again = placement.place(closed / "pg", footing=footing.NOBODY)
        assert again == found
    finally:
        subprocess.run(["/bin/rm", "-rf", str(found.data_dir.parent)], check=True)  # noqa: S603
