"""
The authority's HTTP face: a WSGI application with the stock clients' paths.

Malformed input is answered with 400, a database that does not answer with 503; both,
and everything else, as JSON. Nothing here signs: it reads, routes and answers.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, Any, Final, TypeAlias
from urllib.parse import parse_qsl

from breakglass.authority import fulcio, health, wire
from breakglass.authority.ctlog import CertificateLog
from breakglass.authority.errors import Refused, TokenRefused, Unavailable
from breakglass.authority.fulcio import CertificateAuthority
from breakglass.authority.installation import Installation
from breakglass.authority.oidc import SUBJECT_TOKEN, Identity, Issuer
from breakglass.authority.rekor import TransparencyLog
from breakglass.authority.store import Store
from breakglass.authority.wire import JsonObject

logger = logging.getLogger(__name__)

Environ: TypeAlias = dict[str, Any]  # PEP 3333
StartResponse: TypeAlias = Callable[[str, list[tuple[str, str]]], object]

FORM: Final = "application/x-www-form-urlencoded"
_MAX_QUERY: Final = 2048
_MAX_FIELDS: Final = 32
_ENTRY_PATH: Final = re.compile(r"/api/v1/log/entries/([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler sees of an HTTP request."""

    body: bytes
    query: Mapping[str, str]
    content_type: str
    authorization: str


@dataclass(frozen=True, slots=True)
class Response:
    """A JSON answer."""

    status: HTTPStatus
    content: JsonObject
    headers: Mapping[str, str] = field(default_factory=dict)


Handler: TypeAlias = Callable[[Request], Response]


class Application:
    """The WSGI application (PEP 3333) over one installation and one store."""

    def __init__(
        self, *, installation: Installation, store: Store, public_url: str
    ) -> None:
        constants, ring = installation.constants, installation.ring
        self._installation = installation
        self._store = store
        self._issuer = Issuer(
            constants=constants,
            key=ring.oidc,
            portal_key=installation.portal_key,
            public_url=public_url,
        )
        self._ca = CertificateAuthority(installation=installation, store=store)
        self._log = TransparencyLog(installation=installation, store=store)
        ct = CertificateLog(installation=installation, store=store)
        self._routes: Mapping[str, Mapping[str, Handler]] = {
            "/healthz": {"GET": self._health},
            "/oidc/token": {"POST": self._exchange_token},
            "/oidc/jwks": {"GET": lambda _: _ok(self._issuer.jwks())},
            "/oidc/.well-known/openid-configuration": {
                "GET": lambda _: _ok(self._issuer.discovery())
            },
            "/api/v2/signingCert": {"POST": self._sign_certificate},
            "/api/v2/trustBundle": {"GET": self._trust_bundle},
            "/api/v1/log": {"GET": lambda _: _ok(self._log.info())},
            "/api/v1/log/proof": {"GET": lambda r: _ok(self._log.consistency(r.query))},
            "/api/v1/log/entries": {
                "GET": lambda r: _ok(self._log.by_index(r.query)),
                "POST": self._add_entry,
            },
            "/ct/v1/get-sth": {"GET": lambda r: _ok(ct.tree_head(r.query))},
            "/ct/v1/get-sth-consistency": {
                "GET": lambda r: _ok(ct.consistency(r.query))
            },
            "/ct/v1/get-proof-by-hash": {
                "GET": lambda r: _ok(ct.proof_by_hash(r.query))
            },
            "/ct/v1/get-entries": {"GET": lambda r: _ok(ct.entries(r.query))},
            "/ct/v1/get-roots": {"GET": lambda r: _ok(ct.roots(r.query))},
        }

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        response = self._answer(environ)
        raw = json.dumps(response.content).encode("utf-8")
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(raw)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **response.headers,
        }
        status = f"{response.status.value} {response.status.phrase}"
        start_response(status, list(headers.items()))
        return [raw]

    def _answer(self, environ: Environ) -> Response:
        try:
            handler = self._route(environ)
            if isinstance(handler, Response):
                return handler
            return handler(_request(environ))
        except TokenRefused as exc:
            content: JsonObject = {"error": exc.code, "error_description": str(exc)}
            return Response(HTTPStatus(exc.status), content)
        except Refused as exc:
            return _problem(exc.status, str(exc))
        except Unavailable as exc:
            logger.warning("authority.unavailable", exc_info=exc)
            return _problem(503, str(exc), headers={"Retry-After": "2"})
        except Exception:  # the edge: refuse, and leave a traceback for the operator
            logger.exception("authority.failed")
            return _problem(500, "the authority failed; its log says why")

    def _route(self, environ: Environ) -> Handler | Response:
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        methods = self._routes.get(path)
        if methods is None and (match := _ENTRY_PATH.fullmatch(path)):
            uuid = match[1]
            methods = {"GET": lambda _: _ok(self._log.by_uuid(uuid))}
        if methods is None:
            return _problem(404, "there is nothing at this path")
        handler = methods.get(method)
        if handler is None:
            allowed = {"Allow": ", ".join(methods)}
            return _problem(405, f"{method} is not possible here", headers=allowed)
        return handler

    def _health(self, _request: Request) -> Response:
        report = health.report(self._installation, self._store)
        if report["status"] == health.OK:
            return _ok(report)
        return Response(HTTPStatus.SERVICE_UNAVAILABLE, report, {"Retry-After": "2"})

    def _exchange_token(self, request: Request) -> Response:
        return _ok(self._issuer.exchange(_form(request), self._consume_subject_token))

    def _consume_subject_token(self, identity: Identity) -> bool:
        with self._store.transaction() as transaction:
            self._installation.require_current()
            return transaction.consume(
                kind=SUBJECT_TOKEN, jti=identity.jti, expires_at=identity.expires_at
            )

    def _sign_certificate(self, request: Request) -> Response:
        """Answers Fulcio's CreateSigningCertificate (fulcio.proto, v2)."""
        proposed = wire.json_object(request.body)
        token = _bearer_token(request, proposed)
        csr_pem = wire.unbase64(
            proposed.get("certificateSigningRequest"), what="certificateSigningRequest"
        )
        identity = self._issuer.verify(token)
        chain = self._ca.issue(csr_pem=csr_pem, identity=identity)
        logger.info(
            "certificate.issued", extra={"serial": f"{chain[0].serial_number:x}"}
        )
        certificates = [fulcio.pem(item) for item in chain]
        content: JsonObject = {
            "signedCertificateEmbeddedSct": {"chain": {"certificates": certificates}}
        }
        return Response(HTTPStatus.CREATED, content)

    def _trust_bundle(self, _request: Request) -> Response:
        """Answers Fulcio's GetTrustBundle (fulcio.proto, v2)."""
        chain = [fulcio.pem(item) for item in self._ca.trust_bundle()]
        return _ok({"chains": [{"certificates": chain}]})

    def _add_entry(self, request: Request) -> Response:
        entry = self._log.add(wire.json_object(request.body))
        location = f"/api/v1/log/entries/{next(iter(entry))}"
        return Response(HTTPStatus.CREATED, entry, {"Location": location})


def _ok(content: JsonObject) -> Response:
    return Response(HTTPStatus.OK, content)


def _problem(
    status: int, message: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Returns an error in the form that Fulcio and Rekor share."""
    content: JsonObject = {"code": status, "message": message}
    return Response(HTTPStatus(status), content, headers or {})


def _request(environ: Environ) -> Request:
    query = environ.get("QUERY_STRING", "")
    if len(query) > _MAX_QUERY:
        raise Refused("the query string is too long")
    return Request(
        body=_body(environ),
        query=_fields(query),
        content_type=environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower(),
        authorization=environ.get("HTTP_AUTHORIZATION", ""),
    )


def _body(environ: Environ) -> bytes:
    """Returns the body; raises `Refused` beyond the cap, announced or not."""
    if environ["REQUEST_METHOD"] != "POST":
        return b""
    announced = environ.get("CONTENT_LENGTH") or "0"
    too_long = f"the body is longer than {wire.MAX_BODY_BYTES} bytes"
    if not re.fullmatch(r"[0-9]{1,15}", announced, re.ASCII):
        raise Refused("Content-Length is not a number")
    if int(announced) > wire.MAX_BODY_BYTES:
        raise Refused(too_long)
    stream: IO[bytes] = environ["wsgi.input"]
    body = stream.read(wire.MAX_BODY_BYTES + 1)
    if len(body) > wire.MAX_BODY_BYTES:
        raise Refused(too_long)
    return body


def _fields(encoded: str) -> dict[str, str]:
    """Reads a query string or form; a repeated name is refused (RFC 6749, 3.2)."""
    try:
        pairs = parse_qsl(
            encoded,
            keep_blank_values=True,  # what is given empty is malformed, not left out
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError as exc:  # also bad UTF-8 behind percent signs
        raise Refused("the form or query string is malformed") from exc
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused("a field is given twice")
    return fields


def _form(request: Request) -> dict[str, str]:
    if request.content_type != FORM:
        raise TokenRefused(f"the body must be {FORM}")
    try:
        return _fields(request.body.decode("ascii"))
    except (UnicodeDecodeError, Refused) as exc:
        raise TokenRefused("the form is malformed or names a field twice") from exc


def _bearer_token(request: Request, proposed: JsonObject) -> str:
    """Takes the ID token from the header (sigstore-python) or the body (others)."""
    scheme, _, token = request.authorization.partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    if "credentials" not in proposed:
        raise Refused("an identity token is required", status=401)
    return wire.text(wire.child(proposed, "credentials"), "oidcIdentityToken")
