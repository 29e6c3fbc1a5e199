"""Answers gates ahead of sessions, CSRF and pages, which they have no use for."""

import re
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import resolve

from portal.api.auth import PATH_TOKEN

PREFIXES: Final = ("/api/v1/", "/v1/data/", "/access/v1/")

# Callers that can be given an address and nothing else: a cluster's API server sends a
# header only if a file on it says so, the other two know none, or not in each version.
MAY_CARRY: Final = frozenset(
    {"/api/v1/kubernetes/admission", "/api/v1/gatekeeper", "/api/v1/kyverno"}
)
_CARRIED: Final = re.compile(r"(/.+)/(bg_live_[A-Za-z0-9_-]+)", re.ASCII)


class GateFrontMiddleware:
    """
    Passes the addresses of gates straight to their endpoints; the rest goes on.

    It stands right after SecurityMiddleware: a decision then costs no session, no
    user and no template engine, and nothing behind it can fail with a page of HTML.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers, or passes on."""
        if not request.path_info.startswith(PREFIXES):
            return self.get_response(request)
        _take_token_out(request)
        match = resolve(request.path_info)
        request.resolver_match = match  # the request log names the route
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        return response


def _take_token_out(request: HttpRequest) -> None:
    """
    Takes a token out of the address before anything can log the address.

    It counts only where a caller has no better place for it.
    """
    found = _CARRIED.fullmatch(request.path_info)
    if found is None:
        return
    request.path = request.path_info = request.META["PATH_INFO"] = found[1]
    if found[1] in MAY_CARRY:
        request.META[PATH_TOKEN] = found[2]
