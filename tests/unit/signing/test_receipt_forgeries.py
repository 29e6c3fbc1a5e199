"""Every receipt that is not this gate's, for this question and now, means enforce."""

import base64
import hashlib
import hmac
import json
import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from breakglass.signing import receipts

DOCS = Path(__file__).resolve().parents[3] / "docs"
SCRIPT = DOCS / "clients" / "check-receipt.sh"
GATE, NONCE, DIGEST = (
    "acme/prod-deploy",
    "bm9ib2R5LWtub3dzLXRoaXM",
    "sha256:" + "9f" * 32,
)
CLAIMS = receipts.Claims(
    issuer="https://breakglass.example.com",
    tenant="acme",
    gate="prod-deploy",
    service="checkout",
    branch="main",
    artifact=DIGEST,
    deploy_id="run-1",
    bypass_id="BG-7Q4MZK",
    reason="grant_in_force",
    assurance="sigstore",
    decision_id="0b7f3c6e-6a1e-4a3e-9b0a-3d1a6d0a6f11",
    nonce=NONCE,
)
(CODE,) = re.findall(r"```python\n(.*?)```", (DOCS / "api.md").read_text(), re.DOTALL)
ROOM = {}
exec(CODE, ROOM)  # noqa: S102  # our own page


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "receipt_key.pem"
    receipts.make(path=path)
    return receipts.keys_in([str(path)])


@pytest.fixture(scope="module")
def key_set(keys):
    return {"keys": list(keys.published)}


def made(keys, *, key=None, header=None, **changed):
    """A receipt with something changed before it was signed."""
    raw = receipts.issue(
        keys=keys,
        claims=CLAIMS,
        decided_at=datetime.now(UTC),
        grant_ends_at=datetime.now(UTC) + timedelta(hours=1),
    )
    head, body, _ = (b64(part) for part in raw.split("."))
    said = {**json.loads(body), **changed}
    words = {**json.loads(head), **(header or {})}
    said = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(words, said, key or keys.signing, algorithms=[words["alg"]])


def b64(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def text(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def rewritten(raw, **changed):
    """The payload changed after it was signed."""
    head, body, signature = raw.split(".")
    said = {**json.loads(b64(body)), **changed}
    return f"{head}.{text(json.dumps(said).encode())}.{signature}"


def bare(keys, alg):
    head = text(json.dumps({"alg": alg, "typ": receipts.TYPE}).encode())
    return f"{head}.{made(keys).split('.')[1]}."


def shared(keys):
    """HS256 with the public key as the shared secret, which everybody has."""
    words = {"alg": "HS256", "typ": receipts.TYPE, "kid": keys.signing.kid}
    signing = f"{text(json.dumps(words).encode())}.{made(keys).split('.')[1]}"
    secret = keys.signing.as_pem(private=False)
    mac = hmac.new(secret, signing.encode(), hashlib.sha256).digest()
    return f"{signing}.{text(mac)}"


def another(kid=None):
    return ECKey.generate_key("P-256", {"kid": kid} if kid else None, auto_kid=True)


def now():
    return int(time.time())


FORGERIES = {
    "another key": lambda keys: made(keys, key=(k := another()), header={"kid": k.kid}),
    "another key under its kid": lambda keys: made(keys, key=another()),
    "the key in the header": lambda keys: made(
        keys,
        key=(k := another()),
        header={"kid": k.kid, "jwk": k.as_dict(private=False)},
    ),
    "no kid": lambda keys: made(keys, header={"kid": ""}, key=another()),
    "alg none": lambda keys: bare(keys, "none"),
    "alg None": lambda keys: bare(keys, "None"),
    "HS256 with the public key": shared,
    "RS256": lambda keys: made(
        keys, key=RSAKey.generate_key(2048), header={"alg": "RS256"}
    ),
    "another type": lambda keys: made(keys, header={"typ": "JWT"}),
    "expired": lambda keys: made(keys, iat=now() - 61, exp=now() - 1),
    "from the future": lambda keys: made(keys, iat=now() + 60, exp=now() + 120),
    "for a day": lambda keys: made(keys, exp=now() + 86400),
    "no end": lambda keys: made(keys, exp=None),
    "another nonce": lambda keys: made(keys, nonce="another-nonce-of-somebody"),
    "no nonce": lambda keys: made(keys, nonce=None),
    "another gate": lambda keys: made(keys, aud="breakglass:gate:acme/db-migrate"),
    "another tenant": lambda keys: made(keys, aud="breakglass:gate:globex/prod-deploy"),
    "another artefact": lambda keys: made(keys, artifact="sha256:" + "00" * 32),
    "a signed no": lambda keys: made(keys, decision="enforce"),
    "changed payload": lambda keys: rewritten(made(keys), bypass_id="BG-000000"),
    "a later end": lambda keys: rewritten(made(keys), exp=now() + 59),
    "changed signature": lambda keys: made(keys)[:-8] + "AAAAAAAA",
    "no signature": lambda keys: made(keys).rpartition(".")[0] + ".",
    "two parts": lambda keys: made(keys).rpartition(".")[0],
    "not ASCII": lambda keys: made(keys) + "é",
    "too long": lambda keys: made(keys, service="x" * 5000),
    "empty": lambda _: "",
    "garbage": lambda _: "not.a.receipt",
}


def in_python(receipt, key_set):
    return ROOM["check_receipt"](
        receipt, key_set, gate=GATE, nonce=NONCE, artifact=DIGEST, service="checkout"
    )


@pytest.fixture
def in_shell(tmp_path, key_set):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(key_set))

    def _check(receipt):
        return subprocess.run(  # noqa: S603  # our own script
            ["sh", str(SCRIPT), str(file), GATE, NONCE, DIGEST],  # noqa: S607
            input=receipt.encode(),
            capture_output=True,
            check=False,
        )

    return _check


def test_the_true_one_is_good_in_both_languages(keys, key_set, in_shell):
    assert in_python(made(keys), key_set)["bypass_id"] == "BG-7Q4MZK"
    answer = in_shell(made(keys))
    assert (answer.returncode, answer.stdout) == (0, b"BG-7Q4MZK\n")


@pytest.mark.parametrize("name", FORGERIES)
def test_every_forgery_is_refused_in_both_languages(name, keys, key_set, in_shell):
    receipt = FORGERIES[name](keys)

    with pytest.raises((JoseError, ValueError, KeyError)):
        in_python(receipt, key_set)
    answer = in_shell(receipt)
    assert (answer.returncode, answer.stdout) == (10, b""), answer.stderr


def test_a_key_of_another_curve_is_no_key(keys, in_shell, tmp_path):
    other = ECKey.generate_key("P-384", {"kid": keys.signing.kid})
    path = tmp_path / "p384.pem"
    path.write_bytes(other.as_pem(private=True))

    with pytest.raises(receipts.ReceiptsOff, match="curve"):
        receipts.keys_in([str(path)])


def test_a_key_is_made_once_and_for_us_alone(tmp_path):
    path = tmp_path / "new" / "receipt_key.pem"

    assert receipts.make(path=path)
    before = path.read_bytes()
    assert not receipts.make(path=path)

    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o077 == 0
