"""Addresses, ports, delays and files of the runtime: the parts without a process."""

import socket
import stat
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from portal.runtime import demo_environment, demo_report, ports, private_files, sockets
from portal.runtime.demo_databases import APP, OWNER, given
from portal.runtime.postgres import socket_url
from portal.runtime.problems import RuntimeProblem
from portal.runtime.program import backoff, last_words
from portal.runtime.roles import Account, prepare_database
from portal.runtime.urls import with_account
from portal.runtime.valkey import Valkey
from portal.settings.databases import database


def test_a_socket_url_means_the_same_to_psycopg_and_to_django() -> None:
    url = socket_url(Path("/run/bg x+y"), dbname="breakglass", user="a@b")
    assert conninfo_to_dict(url) == {
        "user": "a@b",
        "dbname": "breakglass",
        "host": "/run/bg x+y",
    }


def test_djangos_settings_read_the_folder_of_the_socket() -> None:
    found = database(
        socket_url(Path("/run/bg-1"), dbname="breakglass", user="breakglass_app"),
        application="test",
    )
    assert (found["HOST"], found["NAME"], found["USER"]) == (
        "/run/bg-1",
        "breakglass",
        "breakglass_app",
    )


def test_valkey_has_an_address_for_each_of_its_two_readers() -> None:
    server = Valkey(Path("/data"), Path("/run/bg-1"))
    assert server.url == "unix:///run/bg-1/valkey.sock?db=0"
    assert server.broker_url == "redis+socket:///run/bg-1/valkey.sock"


def test_a_socket_path_that_the_kernel_refuses_is_refused_with_a_reason() -> None:
    with pytest.raises(RuntimeProblem, match="too long for the kernel"):
        Valkey(Path("/data"), Path("/" + "x" * 100))


def test_the_folder_for_sockets_is_private_and_short() -> None:
    folder = sockets.private_dir()
    try:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert len(str(folder / ".s.PGSQL.5432.lock")) < 100
    finally:
        folder.rmdir()


def test_another_account_on_the_same_server_keeps_host_and_options() -> None:
    url = with_account(
        "postgresql://admin:old@db.example:6432/postgres?sslmode=require",
        Account("breakglass_app", "breakglass", "p@ss/word"),
    )
    assert conninfo_to_dict(url) == {
        "user": "breakglass_app",
        "password": "p@ss/word",
        "host": "db.example",
        "port": "6432",
        "dbname": "breakglass",
        "sslmode": "require",
    }


def test_another_account_works_on_a_unix_socket() -> None:
    url = with_account(
        "postgresql://admin@/postgres?host=/run/pg", Account("a", "b", None)
    )
    assert conninfo_to_dict(url) == {"user": "a", "dbname": "b", "host": "/run/pg"}


@pytest.mark.parametrize("url", ["postgresql://host/db", "nonsense", "mysql://u@h/d"])
def test_a_url_without_user_or_database_is_refused_by_its_variable(url: str) -> None:
    with pytest.raises(RuntimeProblem, match="DATABASE_URL"):
        Account.of_url(url, variable="DATABASE_URL")


def test_one_role_cannot_be_both_the_app_and_the_owner() -> None:
    with pytest.raises(RuntimeProblem, match="three different roles"):
        prepare_database(
            "postgresql://nobody@127.0.0.1:1/none",
            app=Account("same", "breakglass"),
            owner=Account("same", "breakglass"),
        )


def test_app_and_owner_must_mean_the_same_database() -> None:
    with pytest.raises(RuntimeProblem, match="different databases: a and b"):
        prepare_database(
            "postgresql://nobody@127.0.0.1:1/none",
            app=Account("app", "a"),
            owner=Account("owner", "b"),
        )


def test_a_demo_on_a_given_server_asks_for_the_authoritys_database(
    tmp_path: Path,
) -> None:
    environ = {APP: "postgresql://a@h/d", OWNER: "postgresql://o@h/d"}
    with pytest.raises(RuntimeProblem, match="BREAKGLASS_AUTHORITY_DATABASE_URL"):
        given(environ, var_dir=tmp_path)


def test_delays_between_restarts_double_up_to_half_a_minute() -> None:
    delays = [backoff(failures) for failures in (1, 2, 3, 6, 7, 1000)]
    assert delays == [0.5, 1.0, 2.0, 16.0, 30.0, 30.0]


def test_the_last_words_of_a_log_are_its_last_line_that_says_something(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    log.write_text("first\nFATAL: no space left\n\n  \n")
    assert last_words(log) == "FATAL: no space left"
    assert last_words(tmp_path / "none") == ""


def test_a_full_disk_is_named_whatever_is_logged_after_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("could not write: No space left on device\ninitdb: tidying up\n")
    assert "the disk is full" in last_words(log)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_busy_port_is_named_in_one_sentence(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as busy:
        try:
            busy.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(RuntimeProblem, match=f"Port {port} on .* is in use"):
            # A listener on [::1] is what "localhost" would reach.
            ports.require_free(port)
        assert ports.free_port(port, host=host) != port


def test_a_free_port_is_taken_as_preferred() -> None:
    port = ports.free_port()
    assert ports.free_port(port) == port
    ports.require_free(port)


def test_a_secret_is_made_once_and_for_our_eyes_only(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    made = private_files.secret(path)
    assert len(made) >= 50
    assert private_files.secret(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_demo_opens_by_name_so_that_passkeys_work() -> None:
    assert demo_environment.base_url(host="127.0.0.1", port=81) == "http://localhost:81"
    assert demo_environment.base_url(host="bg.lan", port=81) == "http://bg.lan:81"


def test_the_demos_environment_keeps_what_the_caller_has_set(tmp_path: Path) -> None:
    made = demo_environment.compose(
        {"BREAKGLASS_SECRET_KEY": "mine", "PORT": "1"},
        var_dir=tmp_path,
        host="127.0.0.1",
        port=81,
    )
    assert (made["BREAKGLASS_SECRET_KEY"], made["PORT"]) == ("mine", "81")
    assert not (tmp_path / "secret_key").exists()


def test_passwords_that_the_seed_cannot_name_again_come_from_the_last_run() -> None:
    env = {
        "BREAKGLASS_BASE_URL": "http://localhost:81",
        "BREAKGLASS_TRUST_CONFIG": "/var/trust_config.json",
        "DATABASE_URL": "postgresql://",
        "REDIS_URL": "redis://",
    }
    seeded = {
        "tenant": "acme",
        "people": [
            {"email": "a@acme.example", "password": None, "roles": ["on-call"]},
            {"email": "b@acme.example", "password": "new", "roles": []},
        ],
        "gates": [{"slug": "prod"}],
    }
    last = {
        "people": [{"email": "a@acme.example", "password": "kept"}],
        "gates": [{"slug": "prod", "token": "bgt_1"}],
    }
    found = demo_report.details(seeded, last=last, env=env)
    assert [person["password"] for person in found["people"]] == ["kept", "new"]  # type: ignore[attr-defined]
    assert found["gates"] == [{"slug": "prod", "token": "bgt_1"}]
    assert found["url"] == "http://localhost:81"
    table = demo_report.table(found)
    assert "a@acme.example  kept  on-call" in table
