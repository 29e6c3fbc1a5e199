"""
A platform on this machine that gives its jobs tokens, and can be told to misbehave.

Its discovery document and keys go over real HTTP. Tokens are put together by hand from
any header and payload whatever, since a library would refuse to make the bad ones.
"""

import base64
import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey, RSAKey


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(key, header, payload, *, alg=None):
    """A token of these exact bytes (or objects), signed as `alg` says."""
    parts = [
        b64(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, payload)
    ]
    signing = ".".join(parts)
    how = alg or header["alg"]
    return f"{signing}.{b64(signature(key, how, signing.encode()))}"


def signature(key, alg, signing):
    """The bytes behind the second dot."""
    if alg == "HS256":
        return hmac.new(key, signing, hashlib.sha256).digest()
    private = key.private_key
    if alg == "RS256":
        return private.sign(signing, padding.PKCS1v15(), hashes.SHA256())
    if alg == "PS256":
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return private.sign(signing, pss, hashes.SHA256())
    if alg == "ES256":
        der = private.sign(signing, ec.ECDSA(hashes.SHA256()))
        return b"".join(n.to_bytes(32, "big") for n in decode_dss_signature(der))
    raise ValueError(alg)


class Platform:
    """One issuer with an RSA key `r1` and a P-256 key `e1`."""

    def __init__(self):
        self.rsa = RSAKey.generate_key(2048, {"kid": "r1", "use": "sig"})
        self.ec = ECKey.generate_key("P-256", {"kid": "e1", "use": "sig"})
        self.keys = [self.rsa.as_dict(private=False), self.ec.as_dict(private=False)]
        self.about = {}
        self.answer = None  # (status, bytes) of the keys, instead of the keys
        self.asked = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def claims(self, audience, **changed):
        """What a job of GitHub's is told about itself."""
        now = int(time.time())
        told = {
            "iss": self.issuer,
            "aud": audience,
            "sub": "repo:acme/checkout:environment:production",
            "jti": f"job-{time.monotonic_ns()}",
            "iat": now,
            "nbf": now - 300,
            "exp": now + 300,
            "repository": "acme/checkout",
            "repository_id": "123456",
            "repository_owner_id": "4242",
            "environment": "production",
            "event_name": "push",
            "run_id": "8123",
            **changed,
        }
        return {name: value for name, value in told.items() if value is not None}

    def token(self, claims, *, key=None, **header):
        """A token as the platform makes it; header fields may be changed."""
        words = {"alg": "RS256", "kid": "r1", "typ": "JWT", **header}
        words = {name: value for name, value in words.items() if value is not None}
        return signed(key or self.rsa, words, claims)

    def document(self):
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/keys",
            **self.about,
        }


def _handler(platform):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            platform.asked.append(self.path)
            if self.path == "/.well-known/openid-configuration":
                return self.say(200, json.dumps(platform.document()).encode())
            if self.path == "/keys":
                keys = json.dumps({"keys": platform.keys}).encode()
                return self.say(*(platform.answer or (200, keys)))
            return self.say(404, b"{}")

        def say(self, status, body):
            self.send_response(status)
            if status in {301, 302}:
                self.send_header("Location", f"{platform.issuer}/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


@contextmanager
def running():
    """Starts a platform for a block."""
    platform = Platform()
    try:
        yield platform
    finally:
        platform.stop()
