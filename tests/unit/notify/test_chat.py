"""Chat and webhooks: a real receiver on loopback; Slack and Teams by their payloads."""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import requests

from breakglass.errors import Unavailable
from breakglass.notify import Message, Severity, Undeliverable, chat, notifier_for
from tests.unit.notify.test_addresses import PAGERDUTY, SLACK, TEAMS

MESSAGE = Message(
    subject="[acme] BG-7Q4MZK needs your approval: checkout on prod-deploy (high)",
    body=(
        "Why:\n> oom <!channel> <at>everyone</at> [here](https://evil.example)\n\n"
        "Read and decide: https://bypass.example/t/acme/requests/BG-7Q4MZK"
    ),
    url="https://bypass.example/t/acme/requests/BG-7Q4MZK",
    severity=Severity.CRITICAL,
    dedupe_key="request.opened:1::7",
    bypass_id="BG-7Q4MZK",
)


@pytest.fixture
def receiver(settings):
    """A webhook's other side; `status` and `location` say how it answers."""
    state = SimpleNamespace(status=200, location="", got=[])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.got.append((dict(self.headers), json.loads(body)))
            self.send_response(state.status)
            if state.location:
                self.send_header("Location", state.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.NOTIFY_SCHEMES = ["json"]
    settings.NOTIFY_HOSTS = ["127.0.0.1"]
    state.address = f"json://127.0.0.1:{server.server_port}/in?+X-Key=hush-hush"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def posted(monkeypatch):
    """What would be sent to a host that tests may not call."""
    calls = []

    def send(session, prepared, **options):
        body = prepared.body
        text = body.decode() if isinstance(body, bytes) else body
        calls.append(SimpleNamespace(url=prepared.url, text=text, **options))
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"ok"
        return answer

    monkeypatch.setattr(requests.Session, "send", send)
    return calls


def test_a_webhook_gets_the_message_and_its_key(receiver):
    notifier_for("webhook").send(receiver.address, MESSAGE)
    ((headers, payload),) = receiver.got
    assert headers["X-Key"] == "hush-hush"
    assert headers["Idempotency-Key"] == MESSAGE.dedupe_key
    assert payload["title"] == MESSAGE.subject
    assert payload["message"] == MESSAGE.body
    assert payload["url"] == MESSAGE.url
    assert payload["bypass_id"] == "BG-7Q4MZK"
    assert payload["severity"] == "critical"
    assert payload["dedupe_key"] == MESSAGE.dedupe_key


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_refusal_is_for_good(receiver, status):
    receiver.status = status
    with pytest.raises(Undeliverable, match=str(status)):
        notifier_for("webhook").send(receiver.address, MESSAGE)
    assert len(receiver.got) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_passing_failure_is_worth_another_try(receiver, status):
    receiver.status = status
    with pytest.raises(Unavailable, match=str(status)):
        notifier_for("webhook").send(receiver.address, MESSAGE)
    assert len(receiver.got) == 1


def test_a_redirect_is_not_followed(receiver):
    receiver.status, receiver.location = 302, receiver.address.replace("json", "http")
    with pytest.raises(Unavailable, match="302"):
        notifier_for("webhook").send(receiver.address, MESSAGE)
    assert len(receiver.got) == 1


def test_nobody_listening_is_a_passing_failure(settings):
    settings.NOTIFY_SCHEMES, settings.NOTIFY_HOSTS = ["json"], ["127.0.0.1"]
    with pytest.raises(Unavailable, match="did not answer"):
        notifier_for("webhook").send("json://127.0.0.1:9/", MESSAGE)


def test_a_scheme_taken_off_the_list_is_undeliverable(receiver, settings):
    settings.NOTIFY_SCHEMES = ["slack"]
    with pytest.raises(Undeliverable):
        notifier_for("webhook").send(receiver.address, MESSAGE)
    assert receiver.got == []


def test_a_loopback_host_is_refused_without_the_settings(settings):
    settings.NOTIFY_SCHEMES = ["json"]
    with pytest.raises(Undeliverable, match="public internet"):
        notifier_for("webhook").send("json://127.0.0.1/", MESSAGE)


def test_neither_errors_nor_logs_quote_the_address(receiver, caplog):
    receiver.status = 500
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as failed:
        notifier_for("webhook").send(receiver.address, MESSAGE)
    with caplog.at_level(logging.DEBUG), pytest.raises(Undeliverable) as refused:
        notifier_for("pagerduty").send("pagerduty://hush-hush", MESSAGE)
    assert "hush-hush" not in caplog.text + str(failed.value) + str(refused.value)


def test_a_crashing_plugin_is_a_passing_failure_without_its_text(receiver, monkeypatch):
    def crash(*args, **kwargs):
        raise RuntimeError(receiver.address)

    monkeypatch.setattr(requests, "request", crash)
    with pytest.raises(Unavailable) as failed:
        notifier_for("webhook").send(receiver.address, MESSAGE)
    assert "RuntimeError" in str(failed.value)
    assert "hush-hush" not in str(failed.value)


def test_each_call_has_short_timeouts_and_checks_certificates(posted):
    notifier_for("slack").send(SLACK, MESSAGE)
    assert posted[0].timeout == (chat.CONNECT_SECONDS, chat.READ_SECONDS)
    assert posted[0].verify is not False
    assert posted[0].allow_redirects is False


def test_slack_pings_nobody_that_a_justification_names(posted):
    notifier_for("slack").send(SLACK, MESSAGE)
    payload = json.loads(posted[0].text)
    assert "<!channel>" not in posted[0].text
    assert "&lt;!channel&gt;" in payload["attachments"][0]["text"]
    assert payload["mrkdwn"] is False


def test_a_teams_card_has_no_mention_and_no_masked_link(posted, monkeypatch):
    monkeypatch.setattr(chat.addresses, "require_public", lambda **_: None)
    notifier_for("teams").send(TEAMS, MESSAGE)
    card = json.loads(posted[0].text)["attachments"][0]["content"]
    assert "entities" not in card["msteams"]
    text = card["body"][-1]["text"]
    assert text.startswith(MESSAGE.subject)
    assert text.endswith(f" {MESSAGE.url}")
    assert "](" not in text
    assert "<at>" not in text


def test_pagerduty_gets_the_subject_the_link_and_a_key_that_stays(posted):
    for _ in range(2):
        notifier_for("pagerduty").send(PAGERDUTY, MESSAGE)
    first, again = (json.loads(call.text) for call in posted)
    assert first["payload"]["summary"].strip() == MESSAGE.subject
    assert first["payload"]["severity"] == "critical"
    assert first["payload"]["custom_details"]["message"] == MESSAGE.body
    assert first["links"] == [{"href": MESSAGE.url}]
    assert first["dedup_key"] == again["dedup_key"] == MESSAGE.dedupe_key


def test_an_unknown_kind_is_undeliverable():
    with pytest.raises(Undeliverable):
        notifier_for("carrier-pigeon")
