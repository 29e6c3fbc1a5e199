"""The reference clients ship on a clear yes alone, in whatever way there is none."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from breakglass.models import Deploy

CLIENTS = Path(settings.BASE_DIR) / "docs" / "clients"
COMMANDS = {
    "shell": ["sh", str(CLIENTS / "breakglass-decide.sh")],
    "python": [sys.executable, "-S", "-E", str(CLIENTS / "breakglass_decide.py")],
}
BYPASS, ENFORCE, ERROR = 0, 10, 20
TOKEN = "bg_live_" + "x" * 43
YES = {
    "decision": "bypass",
    "reason": "grant_in_force",
    "bypass_id": "BG-7Q4MZK",
    "expires_at": "2099-11-22T02:41:07Z",
    "seconds_left": 812,
    "assurance": "sigstore",
    "deploy": {"id": "run.1", "state": "admitted"},
    "policy_version": 7,
    "decision_id": "0b7f3c6e-6a1e-4a3e-9b0a-3d1a6d0a6f11",
    "evaluated_at": "2026-11-22T02:27:34Z",
    "dry_run": False,
}

each_client = pytest.mark.parametrize("language", COMMANDS)


def run(language, *arguments, url, token=TOKEN, **variables):
    """Runs a client; returns its exit code and what it printed."""
    done = subprocess.run(  # noqa: S603  # our own files
        [*COMMANDS[language], *(arguments or ("checkout", "run.1"))],
        env={
            "PATH": os.environ["PATH"],
            "NO_PROXY": "*",
            "BREAKGLASS_URL": url,
            "BREAKGLASS_TOKEN": token,
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    if token.strip():
        assert token not in done.stdout + done.stderr
    return done.returncode, done.stdout


def answered(language, *arguments, **words):
    """The same, asked again where this machine was too busy for two seconds."""
    for _ in range(3):
        code, out = run(language, *arguments, **words)
        if code != ERROR:
            break
    return code, out


@contextmanager
def answering(*parts, pause=0.0):
    """A server that says these bytes to whoever asks, with a pause before each."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    over = threading.Event()

    def speak(connection):
        with connection:
            connection.settimeout(0.2)
            try:
                connection.recv(65536)
                connection.recv(65536)
            except TimeoutError:
                pass
            try:
                for part in parts:
                    if over.wait(pause):
                        return
                    connection.sendall(part)
            except OSError:
                return

    def serve():
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=speak, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        listener.close()


def http(body, status="200 OK", **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.django_db(transaction=True)
def test_the_portals_own_answers(live_server, gate_token, active_grant, subtests):
    words = {"url": live_server.url, "token": gate_token}
    for number, language in enumerate(COMMANDS):
        deploy_id = f"run.{number}"
        with subtests.test(language=language, answer="bypass"):
            code, out = answered(language, "checkout", deploy_id, **words)
            assert (code, out.strip()) == (BYPASS, active_grant.request.bypass_id)
            assert Deploy.objects.get(deploy_id=deploy_id).state == "admitted"
        with subtests.test(language=language, answer="the same deploy again"):
            assert answered(language, "checkout", deploy_id, **words)[0] == BYPASS
        with subtests.test(language=language, answer="enforce"):
            assert answered(language, "search", deploy_id, **words) == (ENFORCE, "")
        with subtests.test(language=language, answer="another token"):
            assert run(language, url=live_server.url) == (ERROR, "")
        with subtests.test(language=language, answer="a field that is refused"):
            assert run(language, "check out", deploy_id, **words) == (ERROR, "")
    with subtests.test("all that may be said"):
        digest = "sha256:" + "9f" * 32
        words |= {"GATE": "prod-deploy", "DEPLOY_ACTOR": "ci@acme"}
        code, _ = answered("shell", "checkout", "run.8", "main", digest, **words)
        assert code == BYPASS
        options = ["--branch=main", f"--artifact={digest}", "--actor=ci@acme"]
        options += ["--gate=prod-deploy", "--require-assurance=sigstore"]
        code, _ = answered("python", "checkout", "run.9", *options, **words)
        assert code == BYPASS
        for deploy_id in ("run.8", "run.9"):
            deploy = Deploy.objects.get(deploy_id=deploy_id)
            assert (deploy.branch, deploy.artifact) == ("main", digest)
            assert deploy.actor == "ci@acme"


@each_client
def test_the_answer_of_these_tests_would_ship(language):
    """Else every no below would prove nothing."""
    with answering(http(YES)) as url:
        assert run(language, url=url) == (BYPASS, "BG-7Q4MZK\n")


NO_ANSWERS = {
    "another status": http(YES, status="202 Accepted"),
    "an error": http(YES, status="500 Internal Server Error"),
    "a refusal": http({"error": {}, "decision": "enforce"}, status="401 Unauthorized"),
    "a redirect": http(YES, status="307 Temporary Redirect", Location="/elsewhere"),
    "nothing": b"",
    "garbage": b"\x00\xff" * 40,
    "no body": http(b""),
    "a page": http(b"<html>bypass</html>"),
    "a text": http(b'"bypass"'),
    "a list": http([YES]),
    "half an answer": http(YES)[:-40],
    "the verdict twice": http(b'{"decision":"enforce",' + json.dumps(YES).encode()[1:]),
    "another deploy": http({**YES, "deploy": {"id": "run.2", "state": "admitted"}}),
    "a dot for any letter": http(
        {**YES, "deploy": {"id": "runX1", "state": "admitted"}}
    ),
    "a reverted deploy": http({**YES, "deploy": {"id": "run.1", "state": "reverted"}}),
    "no deploy": http({**YES, "deploy": None, "dry_run": True}),
    "no ID": http({**YES, "bypass_id": None}),
    "another kind of ID": http({**YES, "bypass_id": "BG-7q4mzk"}),
    "no end": http({**YES, "expires_at": None}),
    "an end that is none": http({**YES, "expires_at": "for ever"}),
    "another reason": http({**YES, "reason": "drill"}),
    "an unknown verdict": http({**YES, "decision": "allow"}),
    "a verdict in capitals": http({**YES, "decision": "BYPASS"}),
    "true": http({**YES, "decision": True}),
    "a verdict inside": http({"x": YES, "decision": None}),
    "too long": http({**YES, "padding": "x" * 70_000}),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_clear_yes_does_not_ship(name, subtests):
    with answering(NO_ANSWERS[name]) as url:
        for language in COMMANDS:
            with subtests.test(language):
                code, out = run(language, url=url)
                # Two readings of one answer may differ in whether it was a no.
                assert code in {ENFORCE, ERROR}
                assert out == ""
                if name != "the verdict twice":
                    assert code == ERROR


@each_client
def test_an_end_in_the_past_is_a_no_whatever_the_portal_says(language):
    with answering(http({**YES, "expires_at": "2026-01-01T00:00:00Z"})) as url:
        assert run(language, url=url) == (ENFORCE, "")


@each_client
def test_a_server_that_is_down_or_slow_or_drips_is_given_two_seconds(
    language, subtests
):
    whole = http(YES)
    dripping = [bytes([byte]) for byte in whole]
    servers = {
        "slow": lambda: answering(whole, pause=10),
        "dripping": lambda: answering(*dripping, pause=0.3),
    }
    for name, server in servers.items():
        with subtests.test(name), server() as url:
            began = time.monotonic()
            assert run(language, url=url) == (ERROR, "")
            assert time.monotonic() - began < 6  # two, and a slow machine's start
    with subtests.test("down"):
        assert run(language, url="http://127.0.0.1:9") == (ERROR, "")


@each_client
def test_what_is_missing_or_malformed_is_an_error_before_any_call(language, subtests):
    for name, words in {
        "no address": {"url": ""},
        "another scheme": {"url": "file:///etc/passwd"},
        "no token": {"url": "http://127.0.0.1:9", "token": " "},
        "a token with a line": {"url": "http://127.0.0.1:9", "token": "a\nb"},
    }.items():
        with subtests.test(name):
            assert run(language, **words)[0] == ERROR
    for arguments in (("checkout",), ("--help", "run.1"), ("-h",), ("--version",)):
        with subtests.test(arguments=arguments):
            code, _ = run(language, *arguments, url="http://127.0.0.1:9")
            assert code == ERROR


def test_both_run_as_they_are():
    for file in CLIENTS.iterdir():
        if file.suffix in {".sh", ".py"}:
            assert os.access(file, os.X_OK), file.name
