"""The shell recipe, run for real against a real server: blocked, shipped, stopped."""

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from breakglass.models import AuditEntry, Deploy
from breakglass.services import grants

RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "shell"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl"),
]


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


def current(target):
    return str((target / "current").readlink())


def read_until(process, words):
    """Reads the script's output up to a line with these words."""
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"never said {words!r}: {process.stderr.read()}")


def close(grant, people):
    grants.revoke(
        tenant=grant.tenant,
        bypass_id=grant.request.bypass_id,
        person=people.security,
        reason="the incident is over",
    )


@contextmanager
def portal_that_answers(body, status=200):
    """A portal that says the same to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


# --- with the real portal -------------------------------------------------------------


def test_a_signed_artefact_ships_without_asking(deploy, artefact, target):
    Path(f"{artefact}.sig").write_text("signature")

    code, said = deploy(BREAKGLASS_URL="http://127.0.0.1:9")

    assert code == 0, said
    assert current(target) == "releases/run.1"
    assert (
        json.loads((target / "current/release.json").read_text())["bypass_id"] is None
    )
    assert not Deploy.objects.exists()


def test_without_a_bypass_the_gate_stays_closed(deploy, target, artefact, live_server):
    code, said = deploy()

    assert code == 3, said
    assert "no_grant" in said
    digest = hashlib.sha256(artefact.read_bytes()).hexdigest()
    assert (
        f"{live_server.url}/t/acme/requests/new?gate=prod-deploy&service=checkout"
        f"&branch=hotfix/a%2Bb&artifact=sha256:{digest}"
    ) in said
    assert current(target) == "releases/old"
    assert not (target / "releases/run.1").exists()
    assert not Deploy.objects.exists()


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_under_a_bypass_it_ships_and_says_under_which(
    deploy, target, artefact, active_grant, shell
):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    bypass_id = active_grant.request.bypass_id

    code, said = deploy(shell=shell, DEPLOY_ACTOR="ci@acme")

    assert code == 0, said
    assert bypass_id in said
    release = json.loads((target / "current/release.json").read_text())
    assert release["bypass_id"] == bypass_id
    assert (target / "current/artefact").read_bytes() == artefact.read_bytes()
    row = Deploy.objects.get(deploy_id="run.1")
    assert (row.state, row.artifact, row.actor) == (
        "succeeded",
        release["artifact"],
        "ci@acme",
    )
    assert AuditEntry.objects.filter(event="deploy.finished").count() == 1


def test_a_grant_closed_before_the_switch_stops_the_deploy(
    start, target, active_grant, people
):
    process = start(STAGE_PAUSE="2")
    read_until(process, "stage 1")
    close(active_grant, people)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 4, err
    assert "revoked" in err
    assert current(target) == "releases/old"
    assert not (target / "releases/run.1").exists()
    assert Deploy.objects.get(deploy_id="run.1").state == "reverted"


def test_a_window_that_ends_after_the_switch_takes_it_back(
    start, target, active_grant, advance
):
    process = start(STAGE_PAUSE="2")
    read_until(process, "stage 2")
    assert current(target) == "releases/run.1"
    advance(15 * 60)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 4, err
    assert "expired" in err
    assert current(target) == "releases/old"
    assert Deploy.objects.get(deploy_id="run.1").state == "reverted"


def test_after_the_close_the_same_artefact_is_blocked_again(
    deploy, target, active_grant, people
):
    assert deploy()[0] == 0
    close(active_grant, people)

    code, said = deploy(DEPLOY_ID="run.2")

    assert (code, "no_grant" in said) == (3, True)
    assert current(target) == "releases/run.1"


def test_a_deploy_that_cannot_switch_is_rolled_back_and_reported(
    start, target, active_grant
):
    process = start(STAGE_PAUSE="2")
    read_until(process, "stage 1")
    (target / "current").unlink()  # a folder in its place cannot be replaced
    (target / "current").mkdir()
    (target / "current/kept").touch()
    _, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "stage 2 failed" in err
    assert not (target / "releases/run.1").exists()
    assert Deploy.objects.get(deploy_id="run.1").state == "failed"


def test_a_cancelled_deploy_is_rolled_back_and_reported(start, target, active_grant):
    process = start(STAGE_PAUSE="2")
    read_until(process, "stage 2")
    process.terminate()
    process.communicate(timeout=60)

    assert process.returncode == 1
    assert current(target) == "releases/old"
    assert Deploy.objects.get(deploy_id="run.1").state == "failed"


def test_the_token_of_another_tenant_opens_nothing(
    deploy, active_grant, other_gate_token, target
):
    code, _ = deploy(BREAKGLASS_TOKEN=other_gate_token)

    assert code == 3
    assert current(target) == "releases/old"


def test_another_gates_name_opens_nothing(deploy, active_grant):
    code, said = deploy(GATE="db-migrate")

    assert (code, "no_answer_403" in said) == (3, True)


# --- with whatever else may answer ----------------------------------------------------

BYPASS = {
    "decision": "bypass",
    "reason": "grant_in_force",
    "bypass_id": "BG-7Q4MZK",
    "expires_at": "2026-11-22T02:41:07Z",
    "seconds_left": 812,
    "deploy": {"id": "run.1", "state": "admitted"},
    "policy_version": 7,
    "decision_id": "0b7f3c6e-6a1e-4a3e-9b0a-3d1a6d0a6f11",
    "evaluated_at": "2026-11-22T02:27:34Z",
    "dry_run": False,
}


def but(**fields):
    return json.dumps({**BYPASS, **fields}).encode()


WHOLE = json.dumps(BYPASS).encode()
DOUBTFUL = {
    "nothing": b"",
    "a page": b"<html>bypass</html>",
    "a list": b"[" + WHOLE + b"]",
    "cut off": WHOLE[:-20],
    "enforce": but(decision="enforce"),
    "other words": but(decision="allow"),
    "an odd reason": but(reason="no_grant"),
    "no bypass ID": but(bypass_id=None),
    "an odd bypass ID": but(bypass_id="BG-7Q4MZ!"),
    "no end": but(expires_at=None),
    "another deploy": but(deploy={"id": "run-2", "state": "admitted"}),
    "a deploy that only looks like it": but(
        deploy={"id": "runx1", "state": "admitted"}
    ),
    "no deploy": but(deploy=None),
    "a reverted deploy": but(deploy={"id": "run.1", "state": "reverted"}),
    "a word that quotes": but(decision="enforce", note='"decision": "bypass",'),
    "escapes": but(policy_version="\n"),
    "the verdict somewhere else": b'{"x": 1, ' + WHOLE[1:],
}


def test_every_doubtful_answer_means_enforce(deploy, target, subtests):
    for name, body in DOUBTFUL.items():
        with subtests.test(name), portal_that_answers(body) as url:
            code, said = deploy(BREAKGLASS_URL=url)

            assert code == 3, said
    assert current(target) == "releases/old"


def test_the_doubts_are_not_about_everything(deploy, target):
    with portal_that_answers(WHOLE) as url:  # it refuses PATCH, as 501
        code, said = deploy(BREAKGLASS_URL=url)

    assert code == 0, said
    assert current(target) == "releases/run.1"


def test_every_other_status_means_enforce(deploy, target, subtests):
    for status in (201, 202, 301, 401, 404, 429, 500, 503):
        with (
            subtests.test(status=status),
            portal_that_answers(WHOLE, status=status) as url,
        ):
            code, said = deploy(BREAKGLASS_URL=url)

            assert code == 3, said
    assert current(target) == "releases/old"


def test_nobody_to_ask_means_enforce(deploy, target, subtests):
    nobody = (
        {"BREAKGLASS_URL": "http://127.0.0.1:9"},
        {"BREAKGLASS_URL": ""},
        {"BREAKGLASS_URL": "file:///etc/passwd"},
        {"BREAKGLASS_URL": "-o/tmp/x"},
        {"BREAKGLASS_TOKEN": ""},
        {"BREAKGLASS_TOKEN": 'a"\nurl = "http://127.0.0.1:9"'},
    )
    for variables in nobody:
        with subtests.test(**variables):
            assert deploy(**variables)[0] == 3
    assert current(target) == "releases/old"


def test_names_that_need_quoting_are_refused_before_anything(deploy, target, subtests):
    odd = (
        {"SERVICE": 'checkout","decision":"bypass'},
        {"SERVICE": "$(touch pwned)"},
        {"SERVICE": ""},
        {"GATE": "prod deploy"},
        {"BRANCH": "a&b"},
        {"DEPLOY_ID": "../../old"},
        {"DEPLOY_ID": "a/b"},
        {"DEPLOY_ID": "old"},
        {"STAGE_PAUSE": "1; reboot"},
        {"TARGET": ""},
    )
    for variables in odd:
        with subtests.test(**variables):
            assert deploy(**variables)[0] == 2
    assert [path.name for path in (target / "releases").iterdir()] == ["old"]


def test_a_file_that_changes_while_it_ships_is_not_shipped(
    deploy, active_grant, target, tmp_path
):
    check = tmp_path / "check.sh"
    check.write_text('#!/bin/sh\necho evil >>"$1"\nexit 1\n')
    check.chmod(0o755)

    code, said = deploy(POLICY_CHECK=str(check))

    assert code == 1, said
    assert current(target) == "releases/old"
    assert Deploy.objects.get(deploy_id="run.1").state == "failed"


def test_the_token_is_on_no_command_line(deploy, gate_token, tmp_path):
    """A curl of our own writes down how it was called."""
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "curl").write_text('#!/bin/sh\nprintf "%s\\n" "$@" >>"$0.log"\nexit 7\n')
    (fake / "curl").chmod(0o755)

    deploy(PATH=f"{fake}:{os.environ['PATH']}")

    called = (fake / "curl.log").read_text()
    assert "/api/v1/decisions" in called
    assert gate_token not in called
