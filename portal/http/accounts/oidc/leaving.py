"""The page that leads to a provider, and the page that says why it cannot."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from breakglass.errors import BreakglassError
from breakglass.models import Intent
from portal.http.accounts.oidc import flow
from portal.http.errors import sentence
from portal.http.htmx import PageRequest, render_page
from portal.settings.providers import Provider


def leave(
    request: PageRequest,
    provider: Provider,
    *,
    purpose: flow.Purpose,
    intent: Intent | None = None,
    back: str = "",
    next_url: str = "",
) -> HttpResponse:
    """
    Answers a POST with a page that goes on to the provider by itself.

    Not with a redirect: `form-action 'self'` would stop it silently in Chromium, which
    checks where a form's redirects lead. A page that refreshes needs no JavaScript.
    """
    words: dict[str, Any] = {"intent": intent, "back": back, "next_url": next_url}
    try:
        url = flow.begin(request, provider, purpose=purpose, **words)
    except BreakglassError as error:
        messages.error(request, sentence(error))
        return HttpResponseRedirect(_again(intent, back, next_url))
    if request.htmx:
        return HttpResponseClientRedirect(url)
    context = {"url": url, "provider": provider, "intent": intent}
    return render_page(request, "account/leaving.html", context)


def _again(intent: Intent | None, back: str, next_url: str) -> str:
    """Returns the step-up page's address, with all that it was called with."""
    given = {"next": next_url} if intent is None else {"intent": str(intent.public_id)}
    query = {key: value for key, value in {**given, "back": back}.items() if value}
    return f"{reverse('stepup')}?{urlencode(query)}"
