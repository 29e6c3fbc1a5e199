"""What follows a sign-in at a provider: a signature, a confirmation, or a link."""

from typing import assert_never
from urllib.parse import urlencode
from uuid import UUID

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from breakglass import clock
from breakglass.errors import BreakglassError, SignInRefused
from breakglass.queries.people import accounts as people
from breakglass.rules.evidence import AssertedPasskey, Proof
from breakglass.services.approving import approvals
from breakglass.services.people import identities
from breakglass.texts import text
from portal.http.accounts import adapter, session_rows, stepup
from portal.http.accounts.oidc import flow
from portal.http.accounts.oidc.flow import Pending, Purpose
from portal.http.accounts.oidc.tokens import SignIn
from portal.http.htmx import PageRequest


def finish(request: PageRequest, pending: Pending) -> HttpResponse:
    """Verifies the sign-in, and does what it was for; raises when it proves nothing."""
    sign_in = flow.sign_in_of(request, pending)
    match pending.purpose:
        case Purpose.DECIDE:
            return _decide(request, pending, sign_in)
        case Purpose.CONFIRM:
            return _confirm(request, pending, sign_in)
        case Purpose.LINK:
            return _link(request, sign_in)
    assert_never(pending.purpose)


def home_of(request: PageRequest, pending: Pending) -> str:
    """Returns the page where the person was, for what went wrong on the way."""
    match pending.purpose:
        case Purpose.LINK:
            return reverse("identities")
        case Purpose.CONFIRM:
            return f"{reverse('stepup')}?{urlencode({'next': pending.next})}"
        case Purpose.DECIDE:
            try:
                intent = approvals.draft(
                    intent_id=UUID(pending.intent), approver=request.user
                )
            except BreakglassError:
                return reverse("inbox")
            return stepup.page_of(intent, back=pending.back)
    assert_never(pending.purpose)


def _decide(request: PageRequest, pending: Pending, sign_in: SignIn) -> HttpResponse:
    intent = approvals.draft(intent_id=UUID(pending.intent), approver=request.user)
    _require_own(request, sign_in)
    proof = _proof(sign_in)
    _strengthen(request)
    return stepup.sign(request, intent, proof, back=pending.back)


def _confirm(request: PageRequest, pending: Pending, sign_in: SignIn) -> HttpResponse:
    _require_own(request, sign_in)
    _strengthen(request)
    return HttpResponseRedirect(pending.next or "/")


def _link(request: PageRequest, sign_in: SignIn) -> HttpResponse:
    identities.link(
        user=request.user,
        issuer=sign_in.provider.issuer,
        subject=sign_in.subject,
        actor=request.user.as_actor(),
    )
    messages.success(
        request,
        _("You can sign in with %(provider)s now.")
        % {"provider": sign_in.provider.name},
    )
    return HttpResponseRedirect(reverse("identities"))


def _require_own(request: PageRequest, sign_in: SignIn) -> None:
    """The subject must be linked to this very account, whoever's session this is."""
    if not people.holds(
        user=request.user, issuer=sign_in.provider.issuer, subject=sign_in.subject
    ):
        msg = text(
            "you signed in as somebody else: that identity is not linked "
            "to your account"
        )
        raise SignInRefused(msg)


def _proof(sign_in: SignIn, passkey: AssertedPasskey | None = None) -> Proof:
    """Returns the sign-in as the services take it; refuses what lacks its passkey."""
    if sign_in.requires_passkey and passkey is None:
        msg = text(
            "%(provider)s cannot prove when you signed in, so a decision "
            "needs your passkey as well, and none came with it",
            provider=sign_in.provider.name,
        )
        raise SignInRefused(msg)
    # Only an instance that trusts the provider may see the token, and only now.
    is_for_instance = (
        sign_in.provider.fulcio and settings.SIGNING_IDENTITY == "provider"
    )
    return Proof(
        method="oidc",
        at=clock.db_now(),
        issuer=sign_in.provider.issuer,
        subject=sign_in.subject,
        token_sha256=sign_in.token_sha256,
        auth_time=sign_in.auth_time,
        amr=sign_in.amr,
        acr=sign_in.acr,
        passkey=passkey,
        id_token=sign_in.raw if is_for_instance else "",
    )


def _strengthen(request: PageRequest) -> None:
    session_rows.renumber(request)
    adapter.record_confirmation(request)
    record_authentication(request, request.user, method="oidc", reauthenticated=True)
