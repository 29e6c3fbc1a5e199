"""Answers gates ahead of sessions, CSRF and pages, which they have no use for."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import resolve

PREFIX: Final = "/api/v1/"


class GateFrontMiddleware:
    """
    Passes /api/v1/ straight to its endpoint; the rest goes on.

    It stands right after SecurityMiddleware: a decision then costs no session, no
    user and no template engine, and nothing behind it can fail with a page of HTML.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers, or passes on."""
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        match = resolve(request.path_info)
        request.resolver_match = match  # the request log names the route
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        return response
