"""
The WSGI front: answers the usual questions, and hands everything else to Django.

A question that is plain, from a live token, about a scope without an open grant and a
deploy that was never admitted has one answer by `rules.decision`. It is given here, at
a small part of Django's cost; and so is the `bypass` that `services.admissions` finds
under its locks and writes down. Whatever else arrives (a grant that is over, a deploy
to be reverted, a dry run of a bypass, an odd body, a wrong token, trouble with the
database) is read, decided, refused and recorded by the endpoint in
`portal.api.decisions`, as if this front were not there.
"""

import io
import logging
import random
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http import HttpResponse
from django.middleware.security import SecurityMiddleware

from breakglass.queries import certainty
from breakglass.queries.certainty import Asker, Reading
from breakglass.rules import decision as rules
from breakglass.rules.scopes import Scope
from breakglass.services import admissions
from breakglass.services.gates import contacts, days
from breakglass.states import Assurance
from portal.api import counters
from portal.api.ahead import connections, questions
from portal.api.ahead.questions import Plain
from portal.api.ahead.snapshot import Snapshot
from portal.api.asking import BODY_MAX
from portal.api.contacts import ADDRESS_MAX
from portal.api.decisions import reply_of

logger: Final = logging.getLogger(__name__)

PATH: Final = "/api/v1/decisions"

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Start = Callable[..., Any]
Application = Callable[[Environ, Start], Iterable[bytes]]

# Where no grant and no known deploy is given, the rule looks at nothing else.
_NOTHING: Final = rules.decide(
    question=rules.Question(scope=Scope("any", "any", "", ""), deploy_id="any"),
    grants=(),
    deploy=None,
    now=datetime.now(UTC),
)
_BEGINNING: Final = (
    f'{{"decision":"{_NOTHING.verdict}","reason":"{_NOTHING.reason}","bypass_id":null,'
    '"expires_at":null,"seconds_left":null,"assurance":null,"deploy":null,'
    '"policy_version":'
)
_COUNTS: Final = {
    dry_run: counters.DECISIONS.labels(
        _NOTHING.verdict, _NOTHING.reason, "dry_run" if dry_run else "live"
    )
    for dry_run in (False, True)
}
_BYPASSES: Final = counters.DECISIONS.labels(
    rules.Verdict.BYPASS, rules.Reason.GRANT_IN_FORCE, "live"
)
_SECONDS: Final = counters.SECONDS.labels("decisions")
# Seeded by the system, once a process: a call of the system each time costs more than
# the rest of the name.
_RANDOM: Final = random.Random()  # noqa: S311  # a decision's name is no secret
_SIZE_DIGITS: Final = len(str(BODY_MAX))


class DecisionFront:
    """A WSGI application around another one, which decides what this one cannot."""

    def __init__(
        self, application: Application, *, snapshot: Snapshot | None = None
    ) -> None:
        self._application = application
        self._snapshot = snapshot
        self._headers = _usual_headers()
        self._is_secure = _security()
        self._wording = _Wording()

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        """Answers, or hands on the request with its body unread to the application."""
        if environ["PATH_INFO"] == PATH and environ["REQUEST_METHOD"] == "POST":
            began = time.perf_counter()
            try:
                answer = self._answer(environ)
            except Exception:  # an edge: the endpoint decides what the front cannot
                # Nothing was answered and nothing written: the endpoint decides.
                logger.exception("decisions.front_failed")
                answer = None
            if answer is not None:
                size = ("Content-Length", str(len(answer)))
                start_response("200 OK", [*self._headers, size])
                _SECONDS.observe(time.perf_counter() - began)
                return [answer]
        return self._application(environ, start_response)

    def _answer(self, environ: Environ) -> bytes | None:
        token_hash = questions.token_hash(environ.get("HTTP_AUTHORIZATION", ""))
        size = environ.get("CONTENT_LENGTH") or ""
        if (
            token_hash is None
            or environ.get("CONTENT_TYPE") != "application/json"
            or not (size.isascii() and size.isdigit() and len(size) <= _SIZE_DIGITS)
            or int(size) > BODY_MAX
            or not self._is_secure(environ)
        ):
            return None
        raw = environ["wsgi.input"].read(int(size))
        environ["wsgi.input"] = io.BytesIO(raw)
        asked = questions.plain(raw)
        if asked is None:
            return None
        found = self._reading(token_hash, asked)
        if found is None or (asked.gate and asked.gate != found.asker.gate):
            return None
        if not found.certain:
            return self._admitted(environ, found.asker, token_hash, asked)
        asker = found.asker
        _COUNTS[asked.dry_run].inc()
        if not asked.dry_run:
            days.TALLY.note(gate_id=asker.gate_id, deploy_id=asked.deploy_id)
        self._note(environ, asker, asked, outcome=_NOTHING.reason)
        return self._wording.of(found, dry_run=asked.dry_run)

    def _admitted(
        self, environ: Environ, asker: Asker, token_hash: bytes, asked: Plain
    ) -> bytes | None:
        """Lets a deploy through under a grant, or leaves it to the endpoint."""
        if asked.dry_run:
            return None
        scope = Scope(asker.gate, asked.service, asked.branch, asked.artifact)
        is_strict = asked.require_assurance == Assurance.SIGSTORE
        question = rules.Question(scope, asked.deploy_id, requires_sigstore=is_strict)
        ask = admissions.Ask(asker, token_hash, question, asked.actor)
        answer = connections.admit(lambda primary: admissions.admit(primary, ask))
        if answer is None:
            return None
        _BYPASSES.inc()
        self._note(environ, asker, asked, outcome=answer.decision.reason)
        reply = reply_of(answer, dry_run=False)
        return reply.model_dump_json().encode("ascii")

    def _note(
        self, environ: Environ, asker: Asker, asked: Plain, *, outcome: str
    ) -> None:
        """Tells the gate's page of the call, as the endpoint does."""
        call = contacts.Call(
            call=contacts.DRY_RUN if asked.dry_run else "decision",
            outcome=outcome,
            is_accepted=True,
            token=asker.token,
            address=str(environ.get("REMOTE_ADDR", ""))[:ADDRESS_MAX],
        )
        if contacts.is_due(gate_id=asker.gate_id, call=call):
            try:
                close_old_connections()  # no request of Django's does it here
                contacts.note(gate_id=asker.gate_id, gate=asker.gate, call=call)
            except Exception:  # an edge: the answer is made, this is logged
                logger.exception("gate.contact_not_noted")

    def _reading(self, token_hash: bytes, asked: Plain) -> Reading | None:
        words = {"service": asked.service, "deploy_id": asked.deploy_id}
        if self._snapshot is not None:
            found = self._snapshot.reading(token_hash=token_hash, **words)
            if found is not None:
                return found
        return connections.ask(
            lambda primary: certainty.reading(primary, token_hash=token_hash, **words)
        )


class _Wording:
    """
    `schemas.DecisionAnswer` of the certain `enforce` as JSON (a test compares the two).

    Only the decision's ID and the second differ from one answer to the next.
    """

    def __init__(self) -> None:
        # One pair, replaced whole: threads may both replace it, and neither is wrong.
        self._last = (-1, "")

    def of(self, found: Reading, *, dry_run: bool) -> bytes:
        """Returns the answer's bytes."""
        second, (known, at) = int(found.at.timestamp()), self._last
        if second != known:
            at = f"{found.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
            self._last = (second, at)
        version = found.asker.policy_version
        return (
            f'{_BEGINNING}{"null" if version is None else version},"decision_id":"'
            f'{_decision_id()}","evaluated_at":"{at}",'
            f'"dry_run":{"true" if dry_run else "false"}}}'
        ).encode("ascii")


def _decision_id() -> str:
    """Returns a random UUID (RFC 9562, version 4), written out: a name, no secret."""
    h = f"{_RANDOM.getrandbits(128):032x}"
    variant = "89ab"[int(h[16], 16) & 3]
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{variant}{h[17:20]}-{h[20:]}"


def _security() -> Callable[[Environ], bool]:
    """Returns what says whether Django would answer rather than send to https."""
    if not settings.SECURE_SSL_REDIRECT:
        return lambda _: True
    name, value = settings.SECURE_PROXY_SSL_HEADER or ("wsgi.url_scheme", "https")
    return lambda environ: bool(environ.get(name) == value)


def _usual_headers() -> Headers:
    """Returns the headers of every answer of the API, from Django's own settings."""
    environ: Environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": PATH,
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "https" if settings.SECURE_SSL_REDIRECT else "http",
    }
    if settings.SECURE_PROXY_SSL_HEADER:
        name, value = settings.SECURE_PROXY_SSL_HEADER
        environ[name] = value
    answer = HttpResponse(
        content_type="application/json", headers={"Cache-Control": "no-store"}
    )
    secure = SecurityMiddleware(lambda _: answer)
    return list(secure.process_response(WSGIRequest(environ), answer).items())
