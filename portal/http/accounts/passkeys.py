"""A passkey's challenge in the session: made for one purpose, and used once."""

import json
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from breakglass import clock
from breakglass.audit.chain import base64url
from breakglass.errors import PasskeyRefused
from breakglass.models import Intent, User
from breakglass.queries import policies
from breakglass.queries.people import passkeys as queries
from breakglass.services.people import passkeys
from breakglass.services.people.passkeys import Asked
from breakglass.signing.webauthn import decoded
from breakglass.texts import text

ENROL: Final = "enrol"
SIGN_IN: Final = "sign_in"
_KEY: Final = "breakglass_passkey_challenges"
_LIFE: Final = timedelta(minutes=5)


def remember(request: HttpRequest, purpose: str, asked: Asked) -> dict[str, Any]:
    """Keeps the challenge until its answer comes; returns what the browser is asked."""
    kept = {
        **request.session.get(_KEY, {}),
        purpose: [base64url(asked.challenge), clock.db_now().isoformat()],
    }
    request.session[_KEY] = kept
    return asked.options


def take(request: HttpRequest, purpose: str) -> bytes:
    """Returns the challenge and forgets it; PasskeyRefused when it is gone or old."""
    kept = dict(request.session.get(_KEY, {}))
    challenge, at = kept.pop(purpose, ("", ""))
    request.session[_KEY] = kept
    if not challenge or clock.db_now() - datetime.fromisoformat(at) > _LIFE:
        msg = text("This took too long, or was answered already. Try again.")
        raise PasskeyRefused(msg)
    return decoded(challenge)


def for_decision(intent: Intent, user: User) -> dict[str, Any]:
    """Returns what the step-up page says and asks about passkeys for one decision."""
    bypass = intent.request
    assert bypass is not None  # noqa: S101 - a constraint says so
    mine = queries.standing(tenant=intent.tenant, user=user, now=clock.db_now())
    options = passkeys.decision_options(intent=intent, usable=mine.usable)
    return {
        "passkey_required": policies.terms_of(bypass=bypass).passkey_required,
        "passkeys": mine,
        "passkey_options": json.dumps(options) if mine.usable else "",
    }


def is_own_address(request: HttpRequest) -> bool:
    """Whether the page is open where passkeys work: the portal's own address."""
    return request.get_host() == urlsplit(settings.BASE_URL).netloc
