"""What messages say about a person's own account. Pure, as messages.py is."""

from typing import Final

from breakglass.notify.facts import CredentialFacts, PasswordUsedFacts
from breakglass.notify.lines import line, minute
from breakglass.notify.writing import NAME_MAX, Text, letter
from breakglass.texts import text

PASSKEYS: Final = "/profile/passkeys"
PROFILE: Final = "/profile"


def credential_enrolled(facts: CredentialFacts) -> Text:
    """Tells the owner of a new passkey, while it cannot approve anything yet."""
    name = line(facts.name, most=NAME_MAX)
    approves = (
        text(
            "It can sign in as you now, and approve bypasses in your name from "
            "%(at)s on.",
            at=minute(facts.usable_from),
        )
        if facts.usable_from
        else text("It can sign in as you now, and approve bypasses in your name later.")
    )
    body = [
        text(
            "The passkey %(name)s was added to your account at %(at)s.",
            name=name,
            at=minute(facts.enrolled_at),
        ),
        approves,
        "",
        text(
            "If this was not you, remove it before that, and change your password.\n"
            "Then tell your administrators."
        ),
    ]
    what = text("A passkey was added to your account: %(name)s", name=name)
    return _letter(facts, what=what, body=body)


def credential_revoked(facts: CredentialFacts) -> Text:
    """Tells the owner that a passkey is gone, and by whom."""
    name = line(facts.name, most=NAME_MAX)
    by = line(facts.revoked_by, most=NAME_MAX)
    gone = (
        text(
            "The passkey %(name)s was removed from your account at %(at)s by %(who)s.",
            name=name,
            at=minute(facts.revoked_at),
            who=by,
        )
        if facts.revoked_at
        else text(
            "The passkey %(name)s was removed from your account just now by %(who)s.",
            name=name,
            who=by,
        )
    )
    body = [
        gone,
        text(
            "It signs nobody in any more and approves nothing new. What it approved\n"
            "before stays on record."
        ),
        "",
        text("If this was not you, change your password and tell your administrators."),
    ]
    what = text("A passkey was removed from your account: %(name)s", name=name)
    return _letter(facts, what=what, body=body)


def password_used(facts: PasswordUsedFacts) -> Text:
    """Tells a tenant's managers who came in beside single sign-on."""
    who = line(f"{facts.name} ({facts.email})", most=2 * NAME_MAX)
    body = [
        text(
            "%(who)s signed in with the password at %(at)s.",
            who=who,
            at=minute(facts.at),
        ),
        text(
            "Single sign-on is set up here: the password is for when it does not\n"
            "work. The sign-in is in the log of each tenant of that person."
        ),
        "",
        text(
            "If single sign-on works, ask them. If it was not them, switch the\n"
            "account off: that ends its sessions."
        ),
    ]
    what = text(
        "%(who)s signed in with the password", who=line(facts.name, most=NAME_MAX)
    )
    return letter(
        about=facts.tenant,
        what=what,
        body=body,
        verb=text("Details"),
        site=facts.site,
        path=f"/t/{facts.tenant}/audit",
    )


def own_password_used(facts: PasswordUsedFacts) -> Text:
    """Tells the person, whoever it was that knew the password."""
    body = [
        text(
            "Somebody signed in to your account with your password at %(at)s.",
            at=minute(facts.at),
        ),
        text(
            "Single sign-on is set up here: the password is for when it does not\n"
            "work. Your administrators are told, and it is in the log."
        ),
        "",
        text("If this was not you, change your password and tell your administrators."),
    ]
    return letter(
        about="breakglass",
        what=text("Your password was used to sign in"),
        body=body,
        verb=text("Your profile"),
        site=facts.site,
        path=PROFILE,
    )


def test(*, site: str) -> Text:
    """Answers the button on the profile, by the way that all messages take."""
    body = [
        text("You asked for a test message. This is it: messages reach you here."),
        "",
        text("Nothing happened, and nothing waits for you."),
    ]
    return letter(
        about="breakglass",
        what=text("Test message"),
        body=body,
        verb=text("Your profile"),
        site=site,
        path=PROFILE,
    )


def _letter(facts: CredentialFacts, *, what: str, body: list[str]) -> Text:
    return letter(
        about="breakglass",
        what=what,
        body=body,
        verb=text("Your passkeys"),
        site=facts.site,
        path=PASSKEYS,
    )
