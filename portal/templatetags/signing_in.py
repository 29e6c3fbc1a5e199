"""What the sign-in page says about where it leads, from that address alone."""

import re
from typing import Final

from django import template
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from portal.http.accounts import sso

register = template.Library()

# Shown as it stands in the address: whether there is such a request is not looked up.
_BYPASS_ID: Final = re.compile(r"BG-[0-9A-Z]{1,12}\Z")
_PAGES: Final = {
    "request-new": _lazy("Sign in to request a bypass."),
    "requests": _lazy("Sign in to see the requests."),
    "inbox": _lazy("Sign in to see your inbox."),
    "audit": _lazy("Sign in to see the audit log."),
    "audit-entry": _lazy("Sign in to see an entry of the audit log."),
    "postmortems": _lazy("Sign in to see the post-mortems."),
    "gates": _lazy("Sign in to see the gates."),
}


@register.simple_tag(takes_context=True)
def why_down(context: template.Context) -> str:
    """Returns why single sign-on did not work just now; empty when nothing is known."""
    request = context.get("request")
    return sso.said_down(request) if request else ""


@register.simple_tag
def leads_to(address: str | None) -> str:
    """Returns the sentence about the page behind `address`; nothing about others."""
    path = (address or "").partition("#")[0].partition("?")[0]
    try:
        match = resolve(path)
    except Resolver404:
        return ""
    bypass_id = str(match.kwargs.get("bypass_id", ""))
    if not _BYPASS_ID.match(bypass_id):
        return str(_PAGES.get(match.url_name or "", ""))
    said = {
        "request-detail": _("Sign in to see %(bypass)s."),
        "grant-close": _("Sign in to close %(bypass)s."),
        "postmortem": _("Sign in to see the post-mortem of %(bypass)s."),
    }
    return said.get(match.url_name or "", "") % {"bypass": bypass_id}
