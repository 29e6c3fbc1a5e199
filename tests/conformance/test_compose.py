"""docker-compose.yml and the Dockerfile name only what exists, and refuse no secret."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
# Read by Django, by PostgreSQL's image, or by our own start scripts.
CONVENTIONAL = {
    "DJANGO_SETTINGS_MODULE",
    "POSTGRES_PASSWORD",
    "POSTGRES_INITDB_ARGS",
    "REDIS_PASSWORD",
}
READERS = (
    "portal/settings",
    "portal/management/commands",
    "portal/runtime",
    "breakglass/authority",
)
SUBSTITUTION = re.compile(r"\$\{([A-Z_]+)(?:(:?[-?])([^}]*))?\}")


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def ours() -> list[str]:
    return [name for name, it in compose()["services"].items() if "build" in it]


def words_of(command: str | list[str]) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else command


def single_commands(words: list[str]) -> Iterator[list[str]]:
    """Unfolds `sh -c "a && b"` and `sh script` into the commands they run."""
    if words[:2] == ["sh", "-c"]:
        for part in re.split(r"&&|;", words[2]):
            yield from single_commands(shlex.split(part))
    elif words[0] == "sh":
        script = (ROOT / words[1]).read_text()
        for line in script.splitlines():
            if found := re.search(r"(?:exec )?(python manage\.py [^;|&>]+)", line):
                yield shlex.split(found[1])
    else:
        yield words


def all_commands() -> list[list[str]]:
    found: list[list[str]] = []
    for name in ours():
        service = compose()["services"][name]
        found += single_commands(words_of(service["command"]))
    image = re.search(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.M)
    assert image is not None
    return [*found, json.loads(image[1])]


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_every_command_of_the_containers_exists(words: list[str]) -> None:
    match words:
        case ["python", "manage.py", name, *arguments]:
            application = get_commands()[name]
            assert isinstance(application, str)
            parser = load_command_class(application, name).create_parser("", name)
            parser.parse_args(arguments)
        case ["celery", "-A", module, kind, *options]:
            assert importlib.util.find_spec(module) is not None
            require_options(["celery", kind, "--help"], options)
        case ["granian", *options, target]:
            module, _, name = target.partition(":")
            found = importlib.util.find_spec(module)  # importing it builds the portal
            assert found is not None
            assert found.origin is not None
            assert f"\n{name} = " in Path(found.origin).read_text()
            require_options(["granian", "--help"], options)
        case _:
            pytest.fail(f"nobody knows {words[0]}")


def require_options(help_command: list[str], options: list[str]) -> None:
    """Looks the options up in the program's own help."""
    module, *rest = help_command
    shown = subprocess.run(  # noqa: S603  # a program of the environment
        [sys.executable, "-m", module, *rest],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
    ).stdout
    for option in options:
        if option.startswith("-"):
            assert re.search(rf"{re.escape(option.partition('=')[0])}\b", shown), option


@cache
def read_variables() -> set[str]:
    source = "\n".join(
        path.read_text() for folder in READERS for path in (ROOT / folder).rglob("*.py")
    )
    return set(re.findall(r'"((?:BREAKGLASS_[A-Z_]+)|DATABASE_URL|REDIS_URL)"', source))


@pytest.mark.parametrize("service", ours())
def test_every_variable_of_a_container_is_read_by_somebody(service: str) -> None:
    given = compose()["services"][service]["environment"]
    assert set(given) - read_variables() - CONVENTIONAL == set()


def test_production_settings_find_all_that_they_require() -> None:
    required = set(
        re.findall(
            r'env\.\w+\("([A-Z_]+)"(?:, validate=[^)]*)?\)',
            (ROOT / "portal/settings/prod.py").read_text(),
        )
    )
    assert "BREAKGLASS_SECRET_KEY" in required
    for name in ("web", "worker", "beat", "migrate"):
        missing = required - set(compose()["services"][name]["environment"])
        assert missing == set(), name


def test_a_missing_secret_refuses_to_start() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name, how, _ in SUBSTITUTION.findall(text):
        secret = name.endswith(("PASSWORD", "SECRET_KEY"))
        if secret and name != "REDIS_PASSWORD":
            assert how == ":?", f"{name} has a default"
        else:
            assert how in {":-", ":?"}, f"{name} may be empty unnoticed"


def test_only_the_migration_and_the_database_know_the_superusers_password() -> None:
    knowing = {
        name
        for name, service in compose()["services"].items()
        if "BREAKGLASS_SUPERUSER_PASSWORD" in json.dumps(service.get("environment", {}))
    }
    assert knowing == {"migrate", "postgres"}


def test_the_authoritys_keys_are_mounted_by_the_authority_alone() -> None:
    mounting = {
        name
        for name, service in compose()["services"].items()
        if any(volume.startswith("authority:") for volume in service.get("volumes", []))
    }
    assert mounting == {"authority"}


def test_everything_that_is_depended_on_is_a_service() -> None:
    services = compose()["services"]
    for name, service in services.items():
        for other, wish in service.get("depends_on", {}).items():
            assert other in services, name
            if wish["condition"] == "service_healthy":
                assert "healthcheck" in services[other], other


def test_every_file_that_the_image_copies_is_there_and_not_ignored() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    dockerfile = (ROOT / "Dockerfile").read_text()
    for source in re.findall(r"^COPY (?!--from)(\S+) ", dockerfile, re.M):
        assert (ROOT / source).exists(), source
        assert source in allowed, source
