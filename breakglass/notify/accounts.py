"""What messages say about a person's own account. Pure, as messages.py is."""

from datetime import UTC, datetime
from typing import Final

from breakglass.notify.facts import CredentialFacts
from breakglass.notify.lines import line, subject
from breakglass.notify.messages import Text

PASSKEYS: Final = "/profile/passkeys"
PROFILE: Final = "/profile"
_NAME_MAX: Final = 60


def credential_enrolled(facts: CredentialFacts) -> Text:
    """Tells the owner of a new passkey, while it cannot approve anything yet."""
    name = line(facts.name, most=_NAME_MAX)
    when = f"from {_at(facts.usable_from)} on" if facts.usable_from else "later"
    body = [
        f"The passkey {name} was added to your account at {_at(facts.enrolled_at)}.",
        f"It can sign in as you now, and approve bypasses in your name {when}.",
        "",
        "If this was not you, remove it before that, and change your password.",
        "Then tell your administrators.",
    ]
    return _text(facts, what=f"A passkey was added to your account: {name}", body=body)


def credential_revoked(facts: CredentialFacts) -> Text:
    """Tells the owner that a passkey is gone, and by whom."""
    name = line(facts.name, most=_NAME_MAX)
    at = _at(facts.revoked_at) if facts.revoked_at else "just now"
    by = line(facts.revoked_by, most=_NAME_MAX)
    body = [
        f"The passkey {name} was removed from your account at {at} by {by}.",
        "It signs nobody in any more and approves nothing new. What it approved",
        "before stays on record.",
        "",
        "If this was not you, change your password and tell your administrators.",
    ]
    what = f"A passkey was removed from your account: {name}"
    return _text(facts, what=what, body=body)


def test(*, site: str) -> Text:
    """Answers the button on the profile, by the way that all messages take."""
    body = [
        "You asked for a test message. This is it: messages reach you here.",
        "",
        "Nothing happened, and nothing waits for you.",
        "",
        f"Your profile: {site}{PROFILE}",
    ]
    return Text(
        subject=subject("[breakglass] Test message"),
        body="\n".join(body),
        path=PROFILE,
    )


def _text(facts: CredentialFacts, *, what: str, body: list[str]) -> Text:
    return Text(
        subject=subject(f"[breakglass] {what}"),
        body="\n".join([*body, "", f"Your passkeys: {facts.site}{PASSKEYS}"]),
        path=PASSKEYS,
    )


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
