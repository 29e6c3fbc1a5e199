"""An approver's own ID token: it reaches the certificate authority, byte for byte."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from breakglass.errors import SigningFailed
from breakglass.signing import SignerIdentity
from breakglass.signing.identity import Tokens
from breakglass.signing.instance import PROVIDER
from breakglass.signing.keyless import KeylessSigner, signer_from_settings
from breakglass.signing.statements import APPROVAL_TYPE, statement

ALICE = SignerIdentity(subject="u-1", email="alice@acme.example")
STATEMENT = statement(
    name="BG-7Q4MZK", sha256=b"\x07" * 32, predicate_type=APPROVAL_TYPE, predicate={}
)


@pytest.fixture
def authority():
    """A certificate authority that notes who asked it, and refuses."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def tokens(key_path):
    """The person's own token, or none: the portal's exchange leads nowhere."""
    return Tokens(
        source=PROVIDER,
        token_url="http://127.0.0.1:9/oidc/token",
        issuer="https://breakglass.internal/oidc",
        key_path=key_path,
        client_id="breakglass",
    )


@pytest.fixture
def signer(authority, trust_config_path):
    """Signs with that authority; the portal's own exchange leads nowhere."""
    url, _ = authority
    config = json.loads(trust_config_path.read_text())
    for service in config["signingConfig"]["caUrls"]:
        service["url"] = url
    return KeylessSigner(
        trust_config=json.dumps(config),
        tokens=tokens(trust_config_path),
        deadline=timedelta(seconds=10),
        slots=2,
    )


def token(**claims):
    now = int(datetime.now(UTC).timestamp())
    body = {
        "iss": "https://idp.example",
        "sub": "s-1",
        "aud": "breakglass",
        "iat": now,
        "exp": now + 300,
        **claims,
    }
    return jwt.encode({"alg": "ES256"}, body, ECKey.generate_key("P-256"))


@pytest.mark.parametrize("audience", ["breakglass", ["breakglass", "sigstore"]])
def test_the_certificate_is_asked_for_with_the_persons_own_token(
    authority, signer, audience
):
    raw = token(aud=audience)

    with pytest.raises(SigningFailed) as failed:
        signer.sign(statement=STATEMENT, identity=ALICE, id_token=raw)

    assert authority[1] == [("/api/v2/signingCert", f"Bearer {raw}")]
    assert (failed.value.stage, failed.value.retryable) == ("service", True)


@pytest.mark.parametrize("raw", ["x", "a.b.c", "..", "a.bnVsbA.c", "a.e30.c"])
def test_a_token_that_cannot_be_read_is_not_sent(authority, signer, raw):
    with pytest.raises(SigningFailed) as failed:
        signer.sign(statement=STATEMENT, identity=ALICE, id_token=raw)

    assert failed.value.stage == "identity"
    assert authority[1] == []


def test_a_stale_token_is_not_sent(authority, signer):
    with pytest.raises(SigningFailed):
        signer.sign(statement=STATEMENT, identity=ALICE, id_token=token(exp=1))

    assert authority[1] == []


def test_an_authority_that_does_not_trust_the_provider_signs_nothing(
    trust_config_path,
):
    """The embedded one trusts its own issuer only."""
    signer = replace(signer_from_settings(), tokens=tokens(trust_config_path))

    with pytest.raises(SigningFailed) as failed:
        signer.sign(statement=STATEMENT, identity=ALICE, id_token=token())

    assert (failed.value.stage, failed.value.retryable) == ("service", False)
