"""Sign in with a passkey: whose it is, is what it says; nobody types a name."""

from http import HTTPStatus
from typing import Final

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_POST

from breakglass.errors import PasskeyRefused
from breakglass.services.people import passkeys
from portal.forms.passkeys import AnswerForm
from portal.http.accounts import adapter
from portal.http.accounts import passkeys as challenges
from portal.http.errors import sentence

# By address of the network, as for passwords: nobody locks another out by it.
_TOO_MANY: Final = _lazy("too many tries. Wait a minute and try again.")


@login_not_required
@require_POST
def options(request: HttpRequest) -> HttpResponse:
    """Answers with a challenge that is good once; it tells nothing about anybody."""
    if not ratelimit.consume(request, action="passkey_login"):
        return JsonResponse(
            {"detail": str(_TOO_MANY)}, status=HTTPStatus.TOO_MANY_REQUESTS
        )
    person = request.user if request.user.is_authenticated else None
    asked = passkeys.begin_sign_in(user=person)
    return JsonResponse(challenges.remember(request, challenges.SIGN_IN, asked))


@login_not_required
@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Signs in whoever the passkey belongs to; what does not hold is said there."""
    if not ratelimit.consume(request, action="passkey_login"):
        messages.error(request, str(_TOO_MANY))
        return HttpResponseRedirect(reverse("account_login"))
    try:
        person = passkeys.sign_in(
            passkey=AnswerForm(request.POST).answer(),
            challenge=challenges.take(request, challenges.SIGN_IN),
        )
    except PasskeyRefused as error:
        messages.error(
            request, _("You are not signed in. %(why)s") % {"why": sentence(error)}
        )
        return HttpResponseRedirect(reverse("account_login"))
    adapter.sign_in_by_passkey(request, person)
    return HttpResponseRedirect(adapter.next_address(request, resolve_url("dashboard")))
