"""E-mail: what a mail looks like, and which failures are for good."""

import smtplib
from dataclasses import replace

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from breakglass.errors import Unavailable
from breakglass.notify import Undeliverable, notifier_for
from tests.unit.notify.test_chat import MESSAGE

TO = "ada@acme.example"


def _send(message=MESSAGE, to=TO):
    notifier_for("email").send(to, message)
    return mail.outbox[-1]


def test_one_plain_mail_to_one_person():
    sent = _send()
    assert sent.to == [TO]
    assert sent.cc == sent.bcc == []
    assert sent.subject == MESSAGE.subject
    assert sent.body == MESSAGE.body
    assert sent.message().get_content_type() == "text/plain"
    assert sent.message()["X-Breakglass-Bypass-ID"] == "BG-7Q4MZK"
    assert sent.message()["Auto-Submitted"] == "auto-generated"


def test_a_resend_is_recognisable_and_another_message_is_not():
    first, again = _send().message()["Message-ID"], _send().message()["Message-ID"]
    other = _send(replace(MESSAGE, dedupe_key="request.opened:2::8"))
    assert first == again
    assert other.message()["Message-ID"] != first
    assert first.startswith("<")
    assert first.endswith("@breakglass.internal>")


def test_a_newline_in_a_subject_makes_no_header():
    sent = _send(replace(MESSAGE, subject="Hello\r\nBcc: everyone@acme.example"))
    assert sent.message()["Bcc"] is None
    assert sent.subject == "Hello Bcc: everyone@acme.example"


def test_an_address_that_no_header_holds_is_undeliverable():
    with pytest.raises(Undeliverable):
        _send(to=f"{TO}\nBcc: x@y.example")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (smtplib.SMTPRecipientsRefused({TO: (550, b"unknown")}), Undeliverable),
        (smtplib.SMTPRecipientsRefused({TO: (450, b"greylisted")}), Unavailable),
        (smtplib.SMTPDataError(554, b"no"), Undeliverable),
        (smtplib.SMTPDataError(451, b"later"), Unavailable),
        (smtplib.SMTPAuthenticationError(535, b"password"), Unavailable),
        (smtplib.SMTPSenderRefused(550, b"sender", "x@y.example"), Unavailable),
        (smtplib.SMTPServerDisconnected("gone"), Unavailable),
        (ConnectionRefusedError(), Unavailable),
        (TimeoutError(), Unavailable),
    ],
)
def test_only_a_refusal_of_the_mail_itself_is_for_good(monkeypatch, failure, expected):
    def fail(self, messages):
        raise failure

    monkeypatch.setattr(EmailBackend, "send_messages", fail)
    with pytest.raises(expected) as raised:
        _send()
    assert TO not in str(raised.value)


def test_a_backend_that_sent_nothing_is_a_failure(monkeypatch):
    monkeypatch.setattr(EmailBackend, "send_messages", lambda *_: 0)
    with pytest.raises(Unavailable):
        _send()
