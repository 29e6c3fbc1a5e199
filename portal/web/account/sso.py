"""Single sign-on: to the provider, and back (allauth's dance, our people)."""

import logging

from allauth.socialaccount.providers.oauth2.views import (
    OAuth2CallbackView,
    OAuth2LoginView,
)
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_GET
from requests import RequestException

from breakglass.errors import BreakglassError
from portal.http.accounts import sso
from portal.http.accounts.oidc import provider_or_404
from portal.http.htmx import render_page

logger = logging.getLogger(__name__)


@login_not_required
@require_GET
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Goes to the provider. Of the address only `next` is passed on to allauth."""
    # Its other parameters would let a link add scopes, or connect instead of login.
    kept = QueryDict(mutable=True)
    if "next" in request.GET:
        kept["next"] = request.GET["next"]
    request.GET = kept  # type: ignore[assignment]  # a QueryDict, as it was
    return _answer(OAuth2LoginView, request, provider_id)


@login_not_required
@require_GET
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Comes back: our own identity row says who that is."""
    return _answer(OAuth2CallbackView, request, provider_id)


@login_not_required
@require_GET
def refused(request: HttpRequest) -> HttpResponse:
    """Says which identity is not linked, once; from then on there is nothing here."""
    told = request.session.pop(sso.REFUSED, None)
    if not isinstance(told, dict):
        return HttpResponseRedirect(reverse("account_login"))
    return render_page(request, "account/sso_refused.html", told, status=403)


def _answer(
    view: type[OAuth2LoginView | OAuth2CallbackView],
    request: HttpRequest,
    provider_id: str,
) -> HttpResponse:
    provider = provider_or_404(provider_id)
    adapter = sso.VerifyingAdapter(request, provider.id)
    wanted = sso.destination(request)  # before allauth takes its state away
    try:
        answer: HttpResponse = view.adapter_view(adapter)(request)
    except BreakglassError as error:
        return sso.refused(request, error, wanted)
    # Allauth takes the provider's answers apart as they come, whatever they are.
    except (RequestException, ValueError, KeyError, TypeError) as error:
        logger.warning("sso.failed", extra={"kind": type(error).__name__})
        return sso.down(request, sso.no_answer(provider), wanted)
    return answer
