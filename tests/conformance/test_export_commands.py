"""
Every stock command that an archive's README and an entry's page print is run as it is.

In the unpacked folder, by a shell, with proxies that lead nowhere: 0 means that the
stock `sigstore` verified that bundle, and nothing of ours was asked.
"""

import html
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from breakglass.models import AuditEntry
from breakglass.signing.statements import STATEMENT_TYPE
from tests.worlds import worlds

__all__ = ["worlds"]
BIN = Path(sys.executable).parent
COMMAND = re.compile(r"^ {6}(sigstore .+)$", re.MULTILINE)


def shell(command, folder):
    """Runs a printed command as somebody would who pastes it."""
    return subprocess.run(  # noqa: S602 - what the README tells people to paste
        command,
        shell=True,
        cwd=folder,
        env={
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(folder),
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def folder(worlds, tmp_path):
    for name, raw in worlds[0].files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    return tmp_path


def test_every_command_of_the_readme_verifies_its_bundle(folder):
    commands = COMMAND.findall((folder / "README.md").read_text())
    named = {re.search(r"bundles/\S+", command)[0] for command in commands}
    assert named == {
        f"bundles/{file.name}" for file in (folder / "bundles").iterdir()
    }, "each bundle has a command, and each command a bundle"

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda one: shell(one, folder), commands))

    assert [run.stderr for run in ended if run.returncode] == []
    assert all(STATEMENT_TYPE in run.stdout for run in ended)


def test_a_command_of_the_readme_refuses_another_bundle(folder):
    first, second = COMMAND.findall((folder / "README.md").read_text())[:2]
    other = re.search(r"bundles/\S+", second)[0]
    crossed = re.sub(r"bundles/\S+", other, first)

    assert shell(crossed, folder).returncode != 0


@pytest.mark.django_db(transaction=True)
def test_the_command_of_an_entrys_page_verifies_its_downloads(
    client_for, acme, people, active_grant, tmp_path
):
    seq = AuditEntry.objects.get(tenant=acme, event="request.approved").seq
    auditor, page = client_for(people.auditor), f"/t/acme/audit/{seq}"
    for path, name in (
        (f"{page}/bundle", f"acme-{seq}.sigstore.json"),
        (f"{page}/statement", f"acme-{seq}.statement.json"),
        ("/t/acme/audit/trust-config", "trust_config.json"),
    ):
        answer = auditor.get(path)
        assert name in answer.headers["Content-Disposition"]
        (tmp_path / name).write_bytes(answer.content)
    shown = auditor.get(page).content.decode()
    command = html.unescape(re.search(r'id="command"[^>]*>([^<]+)<', shown)[1])

    run = shell(command, tmp_path)

    assert run.returncode == 0, run.stderr
    assert active_grant.request.bypass_id in run.stdout
