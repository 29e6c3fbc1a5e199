"""
From a stored decision to a signed approval, with a fresh sign-in in between.

The decision waits as a draft intent, so nothing that was typed is lost. What comes
out of signing is told as a message on the request's page.
"""

from typing import Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from breakglass import clock
from breakglass.errors import (
    BreakglassError,
    PasskeyRefused,
    PasskeyRequired,
    ReauthenticationRequired,
    SigningFailed,
)
from breakglass.models import Intent, User
from breakglass.models.signing import IntentKind
from breakglass.queries import policies
from breakglass.rules.evidence import Proof
from breakglass.services.approving import approvals
from breakglass.services.approving.counting import Outcome
from breakglass.states import IntentState, SignedBy
from portal.http.accounts import adapter
from portal.http.errors import sentence
from portal.http.htmx import PageRequest, go

BACK_TO_INBOX: Final = "inbox"


def proceed(request: PageRequest, intent: Intent, *, back: str) -> HttpResponse:
    """
    Signs at once after a fresh sign-in; else asks for one first.

    A passkey answers one decision and no other, so it is asked for each time.
    """
    at = adapter.fresh_authentication(request)
    if at is None or _wants_passkey(request, intent):
        return ask(request, intent, back=back)
    return sign(request, intent, Proof(method="password", at=at), back=back)


def _wants_passkey(request: PageRequest, intent: Intent) -> bool:
    bypass = intent.request
    assert bypass is not None  # noqa: S101 - a constraint says so
    chosen = request.POST.get("with") == "passkey"
    return chosen or policies.terms_of(bypass=bypass).passkey_required


def ask(request: PageRequest, intent: Intent, *, back: str) -> HttpResponse:
    """Sends the person to the sign-in page for this decision."""
    query = {"intent": str(intent.public_id)}
    if back == BACK_TO_INBOX:
        query["back"] = back
    return go(request, f"{reverse('stepup')}?{urlencode(query)}")


def sign(
    request: PageRequest, intent: Intent, proof: Proof, *, back: str
) -> HttpResponse:
    """Signs and records the decision, and says what came of it."""
    try:
        outcome = approvals.confirm(
            intent_id=intent.public_id,
            approver=request.user,
            proof=proof,
        )
    except (PasskeyRefused, PasskeyRequired) as error:
        messages.error(request, _nothing(error))
        if Intent.objects.filter(pk=intent.pk, state=IntentState.DRAFT).exists():
            return ask(request, intent, back=back)
    except ReauthenticationRequired:
        return ask(request, intent, back=back)
    except SigningFailed as error:
        messages.error(request, _kept(error))
    except BreakglassError as error:
        messages.error(request, _nothing(error))
    else:
        messages.success(request, _words(outcome, request.user))
    return go(request, page_of(intent, back=back))


def page_of(intent: Intent, *, back: str = "") -> str:
    """Returns where a decision leads back to: the inbox, or the request's page."""
    if back == BACK_TO_INBOX:
        return reverse("inbox")
    bypass = intent.request
    assert bypass is not None  # noqa: S101 - a constraint says so
    return reverse("request-detail", args=[intent.tenant.slug, bypass.bypass_id])


def unfinished(user: User) -> list[Intent]:
    """Returns the person's decisions that wait for a sign-in or a signature."""
    waiting = (IntentState.DRAFT, IntentState.COMMITTED, IntentState.SIGNED)
    found = Intent.objects.filter(
        signer=user, kind=IntentKind.APPROVAL, state__in=waiting
    ).exclude(state=IntentState.DRAFT, expires_at__lte=clock.DbNow())
    return list(
        found.filter(request__state="pending", request__lapses_at__gt=clock.DbNow())
        .select_related("tenant", "request__gate", "request__requester")
        .order_by("-created_at")
    )


def _nothing(error: BreakglassError) -> str:
    return _("Nothing was recorded. %(why)s") % {"why": sentence(error)}


def _kept(error: SigningFailed) -> str:
    """Says what went wrong, and that there is nothing to do about one's decision."""
    what = {
        "busy": _("The signing service is slow and others wait for it"),
        "service": _("The signing service cannot sign at the moment"),
        "verify": _("The signing service answered with a signature that does not hold"),
    }.get(error.stage, _("The signing service did not answer"))
    return _(
        "%(what)s. Nothing was granted, and your decision is kept: it is retried by "
        "itself. The request's page says whether a passkey would let it go on."
    ) % {"what": what}


def _words(outcome: Outcome, person: User) -> str:
    bypass = outcome.approval.request
    named = {"bypass": bypass.bypass_id, "person": person.email}
    if outcome.approval.bundle.signed_by == SignedBy.INSTANCE:
        said = _("%(bypass)s approved and signed as %(person)s.") % named
    else:
        said = (
            _(
                "%(bypass)s approved for %(person)s. The signing service is down, so "
                "it was signed under the outage fallback."
            )
            % named
        )
    if outcome.grant is not None:
        until = f"{outcome.grant.expires_at:%H:%M} UTC"
        then = _("%(gate)s is bypassed until %(until)s.")
        return f"{said} {then % {'gate': bypass.gate.name, 'until': until}}"
    left = outcome.quorum.needed - outcome.quorum.filled
    more = ngettext(
        "%(count)s more approval needed.", "%(count)s more approvals needed.", left
    )
    return f"{said} {more % {'count': left}}"
