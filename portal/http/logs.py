"""One log line per request: who, what, how long; never a body, a token or a query."""

import time
import uuid
from collections.abc import Callable
from typing import Final

import structlog
from django.http import HttpRequest, HttpResponse

logger: Final = structlog.stdlib.get_logger("breakglass.requests")

HEADER: Final = "X-Request-ID"
_QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_SERVER_ERROR: Final = 500


class RequestLogMiddleware:
    """Gives each request an id, binds it to all log lines, and logs the outcome."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Logs after the answer; the id is ours, a client's is not trusted."""
        request_id = uuid.uuid4().hex
        request.META["BREAKGLASS_REQUEST_ID"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = time.perf_counter()
        response = self.get_response(request)
        response.headers[HEADER] = request_id
        self._log(request, response, took=time.perf_counter() - began)
        return response

    def _log(
        self, request: HttpRequest, response: HttpResponse, *, took: float
    ) -> None:
        if request.path in _QUIET or request.path.startswith("/static/"):
            return
        failed = response.status_code >= _SERVER_ERROR
        match = request.resolver_match
        # The route, not the path: addresses may hold what people typed.
        (logger.error if failed else logger.info)(
            "request.finished",
            method=request.method,
            route=match.route if match else "",
            status=response.status_code,
            milliseconds=round(took * 1000, 1),
        )
