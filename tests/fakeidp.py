"""
An OpenID provider on this machine that can be told to misbehave in every listed way.

In process, on threads, over real HTTP: sessions, `prompt`, `max_age` and PKCE work as
they should. `idp.mode` names one way in which it does not; `idp.person` is who sits at
its login page. Nothing of ours is used to make its tokens but the signing library.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from contextlib import contextmanager
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import RSAKey

CLIENT_ID = "breakglass"
CLIENT_SECRET = "a secret: of the client/0123456789"
COOKIE = "fake_idp"
PEOPLE = {
    "peer": "peer@acme.example",
    "oncall": "oncall@acme.example",
    "approver1": "approver1@acme.example",
    "nobody": "nobody@elsewhere.example",
}
CLAIMS = {
    "stale": lambda now: {"auth_time": now - 7200},
    "just too old": lambda now: {"auth_time": now - 130},
    "from the future": lambda now: {"iat": now + 600},
    "signed in tomorrow": lambda now: {"auth_time": now + 86400},
    "no auth_time": lambda now: {"auth_time": None},
    "auth_time as text": lambda now: {"auth_time": str(now)},
    "auth_time true": lambda now: {"auth_time": True},
    "wrong nonce": lambda now: {"nonce": "another-decision"},
    "no nonce": lambda now: {"nonce": None},
    "wrong aud": lambda now: {"aud": "another-application"},
    "wrong aud list": lambda now: {"aud": ["another-application"]},
    "two audiences": lambda now: {"aud": [CLIENT_ID, "another-application"]},
    "another party": lambda now: {
        "aud": [CLIENT_ID, "another-application"],
        "azp": "another-application",
    },
    "no aud": lambda now: {"aud": None},
    "wrong iss": lambda now: {"iss": "https://another.example"},
    "iss with a slash": lambda now: {"iss+": "/"},
    "wrong sub": lambda now: {"sub": "sub-oncall"},
    "no sub": lambda now: {"sub": None},
    "sub as a number": lambda now: {"sub": 7},
    "expired": lambda now: {"exp": now - 60, "iat": now - 600},
    "no exp": lambda now: {"exp": None},
    "not yet": lambda now: {"nbf": now + 600},
}
SIGNATURES = (
    "alg none",
    "alg HS256 with the public key",
    "alg HS256 with the client's secret",
    "unknown kid",
    "no kid",
    "bad signature",
    "another key under its kid",
    "no token",
    "garbage token",
    "garbage answer",
    "a list",
    "endless answer",
    "500",
    "no answer",
)
REDIRECTS = (
    "state mismatch",
    "no state",
    "another iss",
    "code replay",
    "cancel",
    "server error",
)


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class FakeIdP:
    """One provider with one client. `asked` holds the queries of its login page."""

    def __init__(self):
        self.mode, self.person, self.asked = "", "peer", []
        self.told = []  # what was posted to the token endpoint
        self.discovery, self.discovered, self.key_fetches = {}, 0, 0
        self._codes, self._sessions = {}, {}
        self.released = threading.Event()
        self.extra_claims = {}
        self.rotate()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def rotate(self, kind=RSAKey, kid="k1"):
        """Replaces the signing key."""
        words = {"use": "sig", "kid": kid}
        sized = 2048 if kind is RSAKey else "P-256"
        self.key = kind.generate_key(sized, words, private=True)

    def stop(self):
        """Ends the threads, also those that hold an answer back."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def document(self):
        self.discovered += 1
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "code_challenge_methods_supported": ["S256"],
            **self.discovery,
        }

    def authorize(self, query, cookie):
        """Returns the redirect and the session cookie after the person signed in."""
        self.asked.append(query)
        held = self._sessions.get(cookie)
        now = int(time.time())
        forced = "login" in query.get("prompt", "").split()
        young = held and now - held[1] <= int(query.get("max_age", 1 << 31))
        if not young or forced:
            held = (self.person, now)
            cookie = secrets.token_urlsafe(12)
            self._sessions[cookie] = held
        code = secrets.token_urlsafe(16)
        self._codes[code] = (query, held)
        answer = {"code": code, "state": query.get("state", "")}
        if self.mode == "state mismatch":
            answer["state"] = "of-somebody-else"
        if self.mode == "another iss":
            answer["iss"] = "https://another.example"
        if self.mode == "no state":
            del answer["state"]
        if self.mode in ("cancel", "server error"):
            error = "access_denied" if self.mode == "cancel" else "server_error"
            answer = {"error": error, "state": query.get("state", "")}
        return f"{query['redirect_uri']}?{urlencode(answer)}", cookie

    def redeem(self, form, header):
        """Returns status and body of the token endpoint; a code works once."""
        self.told.append(form)
        take = self._codes.get if self.mode == "keeps codes" else self._codes.pop
        query, held = take(form.get("code", ""), (None, None))
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            query is None
            or query["code_challenge_method"] != "S256"
            or challenge != query["code_challenge"]
            or form.get("redirect_uri") != query["redirect_uri"]
            or not self._is_client(form, header)
        ):
            return 400, {"error": "invalid_grant"}
        body = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60}
        if self.mode != "no token":
            body["id_token"] = self.id_token(query, held)
        return 200, body

    def id_token(self, query, held):
        person, signed_in_at = held
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": query["client_id"],
            "azp": query["client_id"],
            "sub": f"sub-{person}",
            "email": PEOPLE[person],
            "email_verified": True,
            "iat": now,
            "exp": now + 300,
            "auth_time": signed_in_at,
            "amr": ["pwd", "otp"],
            "acr": "urn:example:silver",
            "nonce": query.get("nonce"),
            **self.extra_claims,
        }
        changed = CLAIMS.get(self.mode, lambda _: {})(now)
        claims["iss"] += changed.pop("iss+", "")
        claims = {k: v for k, v in {**claims, **changed}.items() if v is not None}
        self.last_token = self._signed(claims)
        return self.last_token

    def _signed(self, claims):
        payload = json.dumps(claims).encode()
        alg = "RS256" if isinstance(self.key, RSAKey) else "ES256"
        header, key = {"alg": alg, "kid": self.key.kid, "typ": "JWT"}, self.key
        if self.mode == "alg none":
            bare = json.dumps({**header, "alg": "none"}).encode()
            return f"{b64(bare)}.{b64(payload)}."
        if self.mode.startswith("alg HS256"):
            shared = (
                self.key.as_pem(private=False)
                if "public key" in self.mode
                else CLIENT_SECRET.encode()
            )
            return _hmac_signed({**header, "alg": "HS256"}, payload, shared)
        if self.mode == "unknown kid":
            header["kid"] = "k-unknown"
        if self.mode == "no kid":
            del header["kid"]
        if self.mode == "another key under its kid":
            key = RSAKey.generate_key(2048, {"kid": self.key.kid}, private=True)
        raw = jws.serialize_compact(header, payload, key, algorithms=[alg])
        if self.mode == "bad signature":
            head, body, signature = raw.split(".")
            other = "A" if signature[5] != "A" else "B"
            return f"{head}.{body}.{signature[:5]}{other}{signature[6:]}"
        return "not.a.token" if self.mode == "garbage token" else raw

    def _is_client(self, form, header):
        if header.startswith("Basic "):
            given = base64.b64decode(header[6:]).decode()
            name, _, secret = given.partition(":")
            return (unquote(name), unquote(secret)) == (CLIENT_ID, CLIENT_SECRET)
        return form.get("client_secret") == CLIENT_SECRET


def _hmac_signed(header, payload, shared):
    """By hand: a library would refuse to make such a token."""
    signing = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
    mac = hmac.new(shared, signing.encode(), hashlib.sha256).digest()
    return f"{signing}.{b64(mac)}"


def _handler(idp):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            parts = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(parts.query).items()}
            if parts.path == "/.well-known/openid-configuration":
                return self.say(200, idp.document())
            if parts.path == "/jwks":
                idp.key_fetches += 1
                return self.say(200, {"keys": [idp.key.as_dict(private=False)]})
            if parts.path != "/auth":
                return self.say(404, {})
            sent = SimpleCookie(self.headers.get("Cookie", ""))
            cookie = sent[COOKIE].value if COOKIE in sent else ""
            location, cookie = idp.authorize(query, cookie)
            return self.say(302, {}, Location=location, Set_Cookie=f"{COOKIE}={cookie}")

        def do_POST(self):
            length = int(self.headers.get("Content-Length", 0))
            form = parse_qs(self.rfile.read(length).decode())
            if idp.mode == "no answer":
                idp.released.wait(30)
                return None
            if idp.mode == "500":
                return self.say(500, {"error": "server_error"})
            answers = {"garbage answer": b"<html>", "a list": b"[]"}
            if idp.mode in answers:
                return self.raw(200, answers[idp.mode])
            if idp.mode == "endless answer":
                return self.raw(200, b'{"a":"' + b"x" * 400_000 + b'"}')
            flat = {k: v[0] for k, v in form.items()}
            return self.say(*idp.redeem(flat, self.headers.get("Authorization", "")))

        def say(self, status, body, **headers):
            self.raw(status, json.dumps(body).encode(), **headers)

        def raw(self, status, body, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:  # we were given up
                self.close_connection = True

    return Handler


@contextmanager
def running():
    """Starts a provider for a block."""
    idp = FakeIdP()
    try:
        yield idp
    finally:
        idp.stop()
