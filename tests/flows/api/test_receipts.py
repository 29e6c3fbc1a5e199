"""A receipt says bypass for a minute to whoever has the published keys, and no more."""

import base64
import json
import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as configured
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from breakglass.models import Deploy, Grant
from breakglass.signing import receipts
from tests.conformance.api.gate_client import DECISIONS, assert_enforced, call, rows

# The grant is really signed, and signing refuses to wait inside a transaction.
pytestmark = pytest.mark.django_db(transaction=True)

RECEIPTS = f"{DECISIONS}/receipt"
KEYS = "/.well-known/jwks.json"
NONCE = "bm9ib2R5LWtub3dzLXRoaXM"
DIGEST = "sha256:" + "9f" * 32
API = Path(configured.BASE_DIR) / "docs" / "api.md"


@pytest.fixture(autouse=True)
def receipt_key(settings, tmp_path):
    path = tmp_path / "receipt_key.pem"
    receipts.make(path=path)
    settings.RECEIPT_KEYS = [str(path)]
    return path


@pytest.fixture
def check_receipt():
    """The function that docs/api.md gives to gates."""
    (code,) = re.findall(r"```python\n(.*?)```", API.read_text(), re.DOTALL)
    room = {}
    exec(code, room)  # noqa: S102  # our own page
    return room["check_receipt"]


def ask(token, **fields):
    body = {"service": "checkout", "deploy_id": "run-1", "artifact": DIGEST}
    return call("POST", RECEIPTS, token=token, body={"nonce": NONCE, **body, **fields})


def published(client):
    answer = client.get(KEYS)
    assert answer.status_code == 200
    return answer.json()


def test_a_bypass_carries_a_receipt_that_the_published_keys_prove(
    client, gate_token, active_grant, check_receipt
):
    answer = ask(gate_token, branch="main")

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    said = check_receipt(
        body["receipt"],
        published(client),
        gate="acme/prod-deploy",
        nonce=NONCE,
        service="checkout",
        branch="main",
        artifact=DIGEST,
        deploy_id="run-1",
    )
    assert said["bypass_id"] == body["bypass_id"] == active_grant.request.bypass_id
    assert said["jti"] == body["decision_id"]
    assert said["iss"] == configured.BASE_URL
    assert said["exp"] - said["iat"] == 60
    assert Deploy.objects.get(deploy_id="run-1").artifact == DIGEST
    for part in body["receipt"].split(".")[:2]:
        assert gate_token not in str(jwt_part(part))


def test_a_receipt_never_lasts_longer_than_its_grant(
    client, gate_token, active_grant, advance
):
    advance(15 * 60 - 20)

    said = jwt.decode(
        ask(gate_token).json()["receipt"], KeySet.import_key_set(published(client))
    ).claims

    end = Grant.objects.get(pk=active_grant.pk).expires_at
    assert said["exp"] == int(end.timestamp())
    assert said["exp"] - said["iat"] <= 20


def test_enforce_has_no_receipt(gate_token, active_grant, advance, subtests):
    with subtests.test("another service"):
        body = ask(gate_token, service="search").json()
        assert (body["decision"], body["receipt"]) == ("enforce", None)
    ask(gate_token)
    advance(15 * 60)
    with subtests.test("reverted"):
        body = ask(gate_token).json()
        assert (body["reason"], body["receipt"]) == ("expired", None)


def test_a_dry_run_of_a_bypass_gets_no_receipt_and_hears_why(gate_token, active_grant):
    before = rows()

    answer = ask(gate_token, dry_run=True)

    error = assert_enforced(answer, status=422, code="invalid_input")
    assert error["field"] == "dry_run"
    assert "no receipt" in error["detail"]
    assert rows() == before


def test_a_nonce_is_required_and_bounded(gate_token, subtests):
    for nonce in ("", "short", "x" * 129, "with a blank in it", NONCE + "\n", 7, None):
        with subtests.test(nonce=nonce):
            error = assert_enforced(ask(gate_token, nonce=nonce), status=422)
            assert error["field"] == "nonce"


def test_without_a_key_nothing_is_decided(
    client, gate_token, active_grant, settings, tmp_path, subtests
):
    before = rows()
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    for paths in ([], [str(tmp_path / "none.pem")], [str(garbage)]):
        with subtests.test(paths=paths):
            settings.RECEIPT_KEYS = paths
            assert_enforced(ask(gate_token), status=503, code="receipts_off")
            answer = client.get(KEYS)
            assert answer.json() == {"keys": []}
            assert answer["Cache-Control"] == "no-store"
    assert rows() == before


def test_a_token_that_works_no_longer_gets_no_receipt(active_grant):
    assert_enforced(ask("bg_live_" + "x" * 43), status=401, code="unauthenticated")


def test_the_keys_are_public_halves_with_an_age(client):
    answer = client.get(KEYS)

    assert answer["Content-Type"] == "application/jwk-set+json"
    assert answer["Cache-Control"] == "public, max-age=300"
    assert not answer.cookies
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")


def test_keys_rotate_with_an_overlap(
    client, gate_token, active_grant, settings, tmp_path, check_receipt
):
    words = {"gate": "acme/prod-deploy", "nonce": NONCE}
    old, new = settings.RECEIPT_KEYS[0], str(tmp_path / "new.pem")
    receipts.make(path=Path(new))
    settings.RECEIPT_KEYS = [old, new]
    early, both = ask(gate_token).json()["receipt"], published(client)
    settings.RECEIPT_KEYS = [new, old]
    late = ask(gate_token).json()["receipt"]

    assert check_receipt(early, both, **words)["nonce"] == NONCE
    assert check_receipt(late, both, **words)["nonce"] == NONCE
    assert check_receipt(early, published(client), **words)["nonce"] == NONCE
    settings.RECEIPT_KEYS = [new]
    with pytest.raises(JoseError):
        check_receipt(early, published(client), **words)


def test_the_first_key_must_be_private_and_others_need_not_be(
    client, gate_token, active_grant, settings, tmp_path
):
    public = tmp_path / "public.pem"
    public.write_bytes(ECKey.generate_key("P-256").as_pem(private=False))
    settings.RECEIPT_KEYS = [*settings.RECEIPT_KEYS, str(public)]
    assert len(published(client)["keys"]) == 2
    assert ask(gate_token).json()["receipt"]

    settings.RECEIPT_KEYS = settings.RECEIPT_KEYS[::-1]
    assert_enforced(ask(gate_token), status=503, code="receipts_off")


def jwt_part(part):
    return json.loads(base64.urlsafe_b64decode(part + "=="))


def test_times_are_whole_seconds_of_the_primary(gate_token, active_grant, advance):
    advance(timedelta(minutes=5).total_seconds())

    body = ask(gate_token).json()

    said = jwt_part(body["receipt"].split(".")[1])
    assert said["iat"] - time.time() == pytest.approx(300, abs=5)
    assert body["evaluated_at"] == time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(said["iat"])
    )
