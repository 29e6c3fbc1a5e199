"""The shell recipe with whatever else may answer, or be asked: it means enforce."""

import http.server
import json
import os
import shutil
import threading
from contextlib import contextmanager

import pytest

from breakglass.models import Deploy
from tests.flows.shell_recipe.script import current

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl"),
]
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
