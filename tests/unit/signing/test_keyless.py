"""Failures of the signing service, in words that a retry can be decided on."""

import json
from datetime import timedelta

import pytest
import requests
from sigstore.oidc import IdentityError

from breakglass.errors import SigningFailed
from breakglass.signing import SignerIdentity, context, keyless
from breakglass.signing.failures import classified
from breakglass.signing.identity import exchange
from breakglass.signing.keyless import KeylessVerifier
from breakglass.signing.transport import DeadlineAdapter

ALICE = SignerIdentity(subject="u-1", email="alice@acme.example")


def answered(status):
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


@pytest.mark.parametrize(
    ("error", "stage", "retryable"),
    [
        (IdentityError(), "identity", True),
        (answered(503), "service", True),
        (answered(400), "service", False),
        (answered(429), "service", True),
        (KeyError("logID"), "service", True),
        (ValueError("no JSON"), "service", True),
        (requests.ConnectionError(), "network", True),
        (requests.Timeout(), "network", True),
        (RuntimeError("anything"), "library", False),
    ],
)
def test_a_failure_says_its_stage_and_whether_to_try_again(error, stage, retryable):
    failed = classified(error)

    assert (failed.stage, failed.retryable) == (stage, retryable)


def test_the_answer_behind_a_librarys_own_error_is_found():
    outer = RuntimeError()
    outer.__cause__ = answered(502)

    assert classified(outer).retryable


def test_no_failure_repeats_what_the_other_side_said():
    failed = classified(RuntimeError("eyJhbGciOi.secret.token"))

    assert "secret" not in str(failed)


def test_a_missing_portal_key_is_not_worth_a_retry(tmp_path):
    with pytest.raises(
        SigningFailed, match=r"portal_key\.pem cannot be read"
    ) as caught:
        exchange(
            token_url="http://127.0.0.1:9/oidc/token",
            issuer="https://breakglass.internal/oidc",
            key_path=tmp_path / "portal_key.pem",
            identity=ALICE,
            adapter=DeadlineAdapter(deadline=timedelta(seconds=1)),
        )

    assert (caught.value.stage, caught.value.retryable) == ("identity", False)


def test_a_missing_trust_config_says_what_to_run(settings, tmp_path):
    settings.TRUST_CONFIG = str(tmp_path / "trust_config.json")

    with pytest.raises(SigningFailed, match="authority init"):
        keyless.verifier_from_settings()


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"null", b"\xff", b'{"mediaType":"x"}', b"{" * 5000]
)
def test_bytes_that_are_no_bundle_are_refused_and_never_crash(trust_config_path, raw):
    verifier = KeylessVerifier(
        trust_config=trust_config_path.read_text(), issuer="https://x.example"
    )

    with pytest.raises(SigningFailed) as caught:
        verifier.payload_of(bundle=raw, email="alice@acme.example")

    assert caught.value.stage == "verify"
    assert not caught.value.retryable
    json.dumps(str(caught.value))


def test_a_client_that_hides_its_session_signs_nothing():
    """Without our adapter its calls had no deadline: better no signature than that."""
    with pytest.raises(SigningFailed, match="shows no session to bound"):
        context._session_of(object())


def test_every_client_of_an_instance_is_under_the_deadline(trust_config_path, tmp_path):
    config = json.loads(trust_config_path.read_text())
    services = config["signingConfig"]
    services["tsaUrls"] = services["caUrls"]
    services["rekorTlogUrls"][0]["majorApiVersion"] = 2  # the newer kind of log too
    adapter = DeadlineAdapter(deadline=timedelta(seconds=1))

    made = context.signing_context(json.dumps(config), adapter, tls_ca="/site/ca.pem")

    clients = (made._fulcio, made._rekor, *made._tsa_clients)
    assert len(clients) == 3
    for client in clients:
        session = context._session_of(client)
        assert session.get_adapter("https://anywhere.example") is adapter
        assert (session.trust_env, session.verify) == (False, "/site/ca.pem")
