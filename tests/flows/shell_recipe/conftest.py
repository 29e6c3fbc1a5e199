"""Runs deploy.sh against the live server, with an artefact and a place to ship it."""

import os
import subprocess

import pytest

from tests.flows.shell_recipe.script import RECIPE


@pytest.fixture
def artefact(tmp_path):
    file = tmp_path / "checkout.tar.gz"
    file.write_bytes(b"the hotfix")
    return file


@pytest.fixture
def target(tmp_path):
    """A service that runs release `old`."""
    folder = tmp_path / "srv"
    (folder / "releases" / "old").mkdir(parents=True)
    (folder / "current").symlink_to("releases/old")
    return folder


@pytest.fixture
def start(live_server, gate_token, artefact, target):
    """Starts deploy.sh; keyword arguments are environment variables."""
    running = []

    def _start(*, shell="bash", **variables):
        defaults = {
            "BREAKGLASS_URL": live_server.url,
            "BREAKGLASS_TENANT": "acme",
            "BREAKGLASS_TOKEN": gate_token,
            "GATE": "prod-deploy",
            "SERVICE": "checkout",
            "BRANCH": "hotfix/a+b",
            "DEPLOY_ID": "run.1",
            "TARGET": str(target),
            "NO_PROXY": "*",
            "PATH": os.environ["PATH"],
        }
        process = subprocess.Popen(  # noqa: S603  # our own script
            [shell, str(RECIPE / "deploy.sh"), str(artefact)],
            env={**defaults, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield _start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def deploy(start):
    """Runs deploy.sh to its end; returns its exit code and what it said."""

    def _deploy(**variables):
        process = start(**variables)
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err

    return _deploy
