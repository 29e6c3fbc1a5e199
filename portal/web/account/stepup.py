"""Sign in again, and the decision goes on (design.md section 12, step-up)."""

from typing import Any, Final
from uuid import UUID

from allauth.account.internal.flows.login import record_authentication
from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from breakglass import clock
from breakglass.errors import BreakglassError, NotFound, PasskeyRefused
from breakglass.models import Intent, User
from breakglass.queries.people import passkeys as queries
from breakglass.rules.evidence import Proof
from breakglass.services.approving import approvals
from breakglass.services.people import passkeys as services
from breakglass.texts import text
from portal.forms.approvals import ReauthenticateForm
from portal.forms.passkeys import AnswerForm
from portal.http.accounts import adapter, passkeys, session_rows, stepup
from portal.http.accounts.oidc import (
    flow,
    leaving,
    provider_or_404,
    providers_of,
    returning,
)
from portal.http.errors import sentence
from portal.http.htmx import PageRequest, render_page

_NOT_WAITED_FOR: Final = gettext_lazy(
    "this sign-in was not started here, took too long, or was used already. "
    "Nothing was recorded."
)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def reauthenticate(request: PageRequest) -> HttpResponse:
    """
    Asks for the password; then signs the waiting decision, or goes on to `next`.

    Who has an identity at a provider is led there, and comes back to `callback`.

    Without an intent it stands in for allauth's page of the same address, which
    passkey settings lead to.
    """
    intent = _intent(request)
    is_fresh = adapter.fresh_authentication(request) is not None
    if request.method != "POST":
        return _page(request, intent, ReauthenticateForm(), is_fresh=is_fresh)
    if "provider" in request.POST:
        return _leave(request, intent)
    if "credential_id" in request.POST:
        return _by_passkey(request, intent)
    form = ReauthenticateForm(request.POST)
    if intent is None or not is_fresh:  # a GET never signs; a fresh session just posts
        if not _proved(request, form):
            return _page(request, intent, form, is_fresh=False)
        _record(request)
    if intent is None:
        return HttpResponseRedirect(_next(request))
    return stepup.proceed(request, intent, back=_given(request, "back"))


@require_GET
def callback(request: PageRequest) -> HttpResponse:
    """Comes back from a provider: signs, confirms or links; else says what is wrong."""
    pending = flow.take(request)
    if pending is None:
        messages.error(request, str(_NOT_WAITED_FOR))
        return HttpResponseRedirect(reverse("inbox"))
    try:
        return returning.finish(request, pending)
    except BreakglassError as error:
        messages.error(
            request, _("%(why)s Nothing was recorded.") % {"why": sentence(error)}
        )
        return HttpResponseRedirect(returning.home_of(request, pending))


def _leave(request: PageRequest, intent: Intent | None) -> HttpResponse:
    """Starts a sign-in at a provider, for this decision or for none."""
    purpose = flow.Purpose.CONFIRM if intent is None else flow.Purpose.DECIDE
    provider = provider_or_404(_given(request, "provider"))
    return leaving.leave(
        request,
        provider,
        purpose=purpose,
        intent=intent,
        back=_given(request, "back"),
        next_url=_next(request),
    )


def _by_passkey(request: PageRequest, intent: Intent | None) -> HttpResponse:
    """Signs the decision that the passkey answered; or, without one, goes on."""
    try:
        passkey = AnswerForm(request.POST).answer()
        if intent is None:
            challenge = passkeys.take(request, passkeys.SIGN_IN)
            _require_own(
                request, services.sign_in(passkey=passkey, challenge=challenge)
            )
    except PasskeyRefused as error:
        form = ReauthenticateForm()
        messages.error(
            request, _("Nothing was recorded. %(why)s") % {"why": sentence(error)}
        )
        return _page(request, intent, form, is_fresh=False, status=422)
    if intent is None:
        adapter.record_passkey(request, request.user)
        return HttpResponseRedirect(_next(request))
    proof = Proof(method="passkey", at=clock.db_now(), passkey=passkey)
    return stepup.sign(request, intent, proof, back=_given(request, "back"))


def _require_own(request: PageRequest, person: User) -> None:
    if person.pk != request.user.pk:
        msg = text("This is somebody else's passkey.")
        raise PasskeyRefused(msg)


def _intent(request: PageRequest) -> Intent | None:
    given = _given(request, "intent")
    if not given:
        return None
    try:
        intent_id = UUID(given)
    except ValueError as error:
        msg = text("this decision is not waiting any more: look at the request again")
        raise NotFound(msg) from error
    return approvals.draft(intent_id=intent_id, approver=request.user)


def _proved(request: PageRequest, form: ReauthenticateForm) -> bool:
    """Says whether the password is this person's; puts the refusal on the form."""
    if not form.is_valid():
        return False
    if not ratelimit.consume(request, action="reauthenticate", user=request.user):
        form.add_error("password", _("Too many tries. Wait a minute and try again"))
        return False
    found = authenticate(
        request, email=request.user.email, password=form.cleaned_data["password"]
    )
    if found is None or found.pk != request.user.pk:
        form.add_error("password", _("That is not your password. Nothing was recorded"))
        return False
    return True


def _record(request: PageRequest) -> None:
    session_rows.renumber(request)
    adapter.record_authentication(request)
    record_authentication(
        request, request.user, method="password", reauthenticated=True
    )


def _page(
    request: PageRequest,
    intent: Intent | None,
    form: ReauthenticateForm,
    *,
    is_fresh: bool,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {
        **(passkeys.for_decision(intent, request.user) if intent else {}),
        "intent": intent,
        "bypass": intent.request if intent else None,
        "back": _given(request, "back"),
        "cancel": stepup.page_of(intent) if intent else _next(request),
        "next": _given(request, "next"),
        "form": form,
        "providers": providers_of(request.user),
        "has_password": request.user.has_usable_password(),
        "is_fresh": is_fresh and intent is not None,
        "has_passkey": not intent and queries.live(user=request.user).exists(),
    }
    status = 422 if form.errors else status
    return render_page(request, "account/stepup.html", context, status=status)


def _next(request: PageRequest) -> str:
    return adapter.next_address(request, "/")


def _given(request: PageRequest, name: str) -> str:
    return request.POST.get(name) or request.GET.get(name, "")
