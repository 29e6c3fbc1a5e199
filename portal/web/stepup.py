"""Sign in again, and the decision goes on (design.md section 12, step-up)."""

from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import record_authentication
from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import HttpResponse, HttpResponseRedirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from breakglass import clock
from breakglass.errors import NotFound, PasskeyRefused
from breakglass.models import Intent, User
from breakglass.queries import passkeys as queries
from breakglass.rules.evidence import Proof
from breakglass.services import approvals
from breakglass.services import passkeys as services
from portal.forms.approvals import ReauthenticateForm
from portal.forms.passkeys import AnswerForm
from portal.http import accounts, passkeys, stepup
from portal.http.errors import sentence
from portal.http.htmx import PageRequest, render_page


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def reauthenticate(request: PageRequest) -> HttpResponse:
    """
    Asks for the password; then signs the waiting decision, or goes on to `next`.

    Without an intent it stands in for allauth's page of the same address, which
    passkey settings lead to.
    """
    intent = _intent(request)
    is_fresh = accounts.fresh_authentication(request) is not None
    if request.method != "POST":
        return _page(request, intent, ReauthenticateForm(), is_fresh=is_fresh)
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
        messages.error(request, f"nothing was recorded. {sentence(error)}")
        return _page(request, intent, form, is_fresh=False, status=422)
    if intent is None:
        accounts.record_passkey(request, request.user)
        return HttpResponseRedirect(_next(request))
    proof = Proof(method="passkey", at=clock.db_now(), passkey=passkey)
    return stepup.sign(request, intent, proof, back=_given(request, "back"))


def _require_own(request: PageRequest, person: User) -> None:
    if person.pk != request.user.pk:
        msg = "This is somebody else's passkey."
        raise PasskeyRefused(msg)


def _intent(request: PageRequest) -> Intent | None:
    given = _given(request, "intent")
    if not given:
        return None
    try:
        intent_id = UUID(given)
    except ValueError as error:
        msg = "this decision is not waiting any more: look at the request again"
        raise NotFound(msg) from error
    return approvals.draft(intent_id=intent_id, approver=request.user)


def _proved(request: PageRequest, form: ReauthenticateForm) -> bool:
    """Says whether the password is this person's; puts the refusal on the form."""
    if not form.is_valid():
        return False
    if not ratelimit.consume(request, action="reauthenticate", user=request.user):
        form.add_error("password", "Too many tries. Wait a minute and try again")
        return False
    found = authenticate(
        request, email=request.user.email, password=form.cleaned_data["password"]
    )
    if found is None or found.pk != request.user.pk:
        form.add_error("password", "That is not your password. Nothing was recorded")
        return False
    return True


def _record(request: PageRequest) -> None:
    # A new session id with the new standing, so that a stolen old one has nothing.
    request.session.cycle_key()
    accounts.record_authentication(request)
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
        "is_fresh": is_fresh and intent is not None,
        "has_passkey": not intent and queries.live(user=request.user).exists(),
    }
    status = 422 if form.errors else status
    return render_page(request, "account/stepup.html", context, status=status)


def _next(request: PageRequest) -> str:
    return accounts.next_address(request, "/")


def _given(request: PageRequest, name: str) -> str:
    return request.POST.get(name) or request.GET.get(name, "")
