"""E-mail through Django's backend: plain text, one recipient a mail."""

import hashlib
import smtplib
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage

from breakglass.errors import Unavailable
from breakglass.notify import lines
from breakglass.notify.port import Message, Undeliverable

_REFUSED_FOR_GOOD: Final = 500


class EmailNotifier:
    """
    Sends one mail to one person.

    The timeout of each step is settings.EMAIL_TIMEOUT, which Django's backend
    applies. The body is text only: a page link is not worth an HTML part that a
    justification could inject into.
    """

    def send(self, address: str, message: Message) -> None:
        """Sends the mail; a refusal by the server (5xx) is permanent, the rest not."""
        try:
            count = _mail(address=address, message=message).send()
        except smtplib.SMTPRecipientsRefused as exc:
            codes = [code for code, _ in exc.recipients.values()]
            raise _refusal(code=min(codes, default=0), what="the recipient") from exc
        except smtplib.SMTPDataError as exc:
            raise _refusal(code=exc.smtp_code, what="the message") from exc
        except smtplib.SMTPResponseException as exc:
            # Greeting, login or sender: our own set-up, which somebody may repair.
            msg = f"the mail server answered {exc.smtp_code}"
            raise Unavailable(msg) from exc
        except (smtplib.SMTPException, OSError) as exc:
            msg = f"the mail server did not take it: {type(exc).__name__}"
            raise Unavailable(msg) from exc
        except ValueError as exc:  # BadHeaderError, and addresses no header can hold
            raise Undeliverable("this is not an e-mail address") from exc
        if not count:
            raise Unavailable("the mail server did not take it")


def message_id(dedupe_key: str) -> str:
    """Returns the Message-ID: the same for each try, so a resend is recognised."""
    digest = hashlib.sha256(dedupe_key.encode()).hexdigest()
    return f"<{digest[:40]}@{settings.SITE}>"


def _mail(*, address: str, message: Message) -> EmailMessage:
    headers = {
        "Message-ID": message_id(message.dedupe_key),
        "Auto-Submitted": "auto-generated",  # RFC 3834: no out-of-office replies
    }
    if message.bypass_id:
        headers["X-Breakglass-Bypass-ID"] = message.bypass_id
    return EmailMessage(
        subject=lines.subject(message.subject),
        body=message.body,
        to=[address],
        headers=headers,
    )


def _refusal(*, code: int, what: str) -> Unavailable | Undeliverable:
    msg = f"the mail server refused {what} with {code}"
    return Undeliverable(msg) if code >= _REFUSED_FOR_GOOD else Unavailable(msg)
