"""``manage.py authority``: what it makes, what it refuses, and its exit codes."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from breakglass.authority import process
from breakglass.management.commands.authority import Command

VARIABLES = [
    *("BREAKGLASS_AUTHORITY_DIR", "BREAKGLASS_AUTHORITY_DATABASE_URL"),
    *("BREAKGLASS_AUTHORITY_URL", "BREAKGLASS_ISSUER"),
    *("BREAKGLASS_LOG_NAME", "BREAKGLASS_SITE"),
]
DATABASE = ("--database-url", "postgresql:///nowhere")
GENERATION = ("--generation", "1", "--reason", "stolen")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """Neither settings nor environment say anything."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    with override_settings(
        AUTHORITY_DIR=None,
        AUTHORITY_DATABASE_URL=None,
        AUTHORITY_URL="http://127.0.0.1:8001",
        SIGNING_ISSUER=None,
        SIGNING_LOG_NAME=None,
        SITE=None,
    ):
        yield


@pytest.fixture
def served(monkeypatch):
    """Records what would be served, and where, instead of serving."""
    calls = []

    def prepare(told, *, host, port):
        calls.append((told, host, port))
        raise process.InstallationTrouble("stopped by the test")

    monkeypatch.setattr(process, "prepare", prepare)
    return calls


def run(*arguments) -> str:
    out = io.StringIO()
    call_command(Command(stdout=out), *map(str, arguments))
    return out.getvalue()


def refused(*arguments) -> tuple[int, str]:
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    return refusal.value.returncode, str(refusal.value)


def test_init_makes_an_installation_and_then_leaves_it_alone(tmp_path):
    base = tmp_path / "authority"
    assert "Made the authority" in run("init", "--dir", base)
    document = json.loads((base / "installation.json").read_text())
    assert document["issuer"] == "https://breakglass.internal/oidc"
    assert document["log_name"] == "log.breakglass.internal"
    assert document["site"] == "breakglass.internal"
    assert "unchanged" in run("init", "--dir", base)


def test_names_follow_the_site_unless_given(tmp_path, settings):
    settings.SIGNING_ISSUER = "https://breakglass.internal/oidc"  # as its default is
    run("init", "--dir", tmp_path / "a", "--site", "acme.example")
    document = json.loads((tmp_path / "a/installation.json").read_text())
    assert document["issuer"] == "https://acme.example/oidc"
    assert document["log_name"] == "log.acme.example"


def test_init_with_other_names_fails(tmp_path):
    run("init", "--dir", tmp_path / "a")
    code, message = refused("init", "--dir", tmp_path / "a", "--site", "acme.example")
    assert code == 1
    assert "cannot change" in message


def test_a_malformed_name_is_a_usage_error(tmp_path):
    code, _ = refused("init", "--dir", tmp_path / "a", "--site", "No Site")
    assert code == 2


def test_the_directory_must_be_named():
    assert refused("init")[0] == 2
    assert refused("serve", *DATABASE)[0] == 2


def test_the_database_must_be_named(tmp_path):
    code, message = refused("serve", "--dir", tmp_path)
    assert code == 2
    assert "BREAKGLASS_AUTHORITY_DATABASE_URL" in message


def test_serving_what_was_never_made_fails(tmp_path):
    code, message = refused("serve", "--dir", tmp_path, *DATABASE, "--port", "49151")
    assert code == 1
    assert "authority init" in message


@pytest.mark.parametrize(
    ("arguments", "port", "url"),
    [
        ([], 8001, "http://127.0.0.1:8001"),
        (["--port", "9000"], 9000, "http://127.0.0.1:9000"),
        (["--url", "http://10.0.0.5:9001"], 9001, "http://10.0.0.5:9001"),
        (["--url", "https://sig.example"], 8001, "https://sig.example"),
        (
            ["--host", "::", "--port", "9000", "--url", "https://sig.example/"],
            9000,
            "https://sig.example",
        ),
        (["--host", "::1", "--port", "9000"], 9000, "http://[::1]:9000"),
    ],
)
def test_port_and_address_follow_from_each_other(
    tmp_path, served, arguments, port, url
):
    refused("serve", "--dir", tmp_path, *DATABASE, *arguments)
    ((told, _, listened),) = served
    assert (listened, told.public_url) == (port, url)
    assert told.database_url == DATABASE[1]


def test_the_environment_names_the_address(tmp_path, served, monkeypatch):
    monkeypatch.setenv("BREAKGLASS_AUTHORITY_URL", "https://sig.example")
    refused("serve", "--dir", tmp_path, *DATABASE, "--port", "9000")
    ((told, _, port),) = served
    assert (port, told.public_url) == (9000, "https://sig.example")


def test_the_database_url_may_come_from_a_file(tmp_path, served, monkeypatch):
    (tmp_path / "secret").write_text("postgresql:///from-file\n")
    path = str(tmp_path / "secret")
    monkeypatch.setenv("BREAKGLASS_AUTHORITY_DATABASE_URL_FILE", path)
    refused("serve", "--dir", tmp_path)
    assert served[0][0].database_url == "postgresql:///from-file"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "::", "--port", "9000"],
        ["--port", "0"],
        ["--port", "65536"],
        ["--url", "http://host/path"],
        ["--url", "nonsense"],
    ],
)
def test_an_address_that_cannot_work_is_a_usage_error(tmp_path, served, arguments):
    assert refused("serve", "--dir", tmp_path, *DATABASE, *arguments)[0] == 2
    assert not served


def test_init_puts_the_root_key_elsewhere_if_asked(tmp_path):
    stick = tmp_path / "stick"
    said = run("init", "--dir", tmp_path / "a", "--offline-root", stick)
    assert f"root key is in {stick} and nowhere else" in said
    assert (stick / "fulcio-root.key.pem").exists()
    assert not (tmp_path / "a/keys/fulcio-root.key.pem").exists()
    code, message = refused("init", "--dir", tmp_path / "b", "--offline-root", stick)
    assert code == 1
    assert "another key" in message


def test_rotating_needs_the_database(tmp_path):
    run("init", "--dir", tmp_path / "a")
    code, message = refused("rotate", "--dir", tmp_path / "a")
    assert code == 2
    assert "BREAKGLASS_AUTHORITY_DATABASE_URL" in message


def test_a_compromise_needs_a_reason(tmp_path):
    run("init", "--dir", tmp_path / "a")
    code, message = refused(
        "rotate", "--dir", tmp_path / "a", *DATABASE, "--compromised"
    )
    assert code == 2
    assert "--reason" in message


def test_rotating_what_was_never_made_fails(tmp_path):
    for action in (["rotate", *DATABASE], ["distrust", *GENERATION]):
        code, message = refused(*action, "--dir", tmp_path / "none")
        assert code == 1
        assert "authority init" in message
