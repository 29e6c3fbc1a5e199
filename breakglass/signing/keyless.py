"""Sigstore over HTTP with an OIDC identity: the one signer and the one verifier."""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

import requests
from django.conf import settings
from sigstore import dsse
from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.oidc import ExpiredIdentity, IdentityError, IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier as SigstoreVerifier
from sigstore.verify import policy

from breakglass.errors import SigningFailed
from breakglass.signing import SignedBundle, SignerIdentity
from breakglass.signing.identity import exchange
from breakglass.signing.transport import DeadlineAdapter, mount

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class KeylessSigner:
    """Signs through Fulcio and Rekor of the instance in the trust config."""

    trust_config: str
    issuer: str
    token_url: str
    key_path: Path
    deadline: timedelta

    def sign(
        self,
        *,
        statement: bytes,
        identity: SignerIdentity,
        id_token: str | None = None,
    ) -> bytes:
        """Returns the bundle's JSON bytes; see `signing.Signer`."""
        adapter = DeadlineAdapter(deadline=self.deadline)
        raw_token = id_token or exchange(
            token_url=self.token_url,
            issuer=self.issuer,
            key_path=self.key_path,
            identity=identity,
            adapter=adapter,
        )
        try:
            context = _context(self.trust_config, adapter)
            # A signer lives for one signature. It has to cache: sigstore 4.5 makes a
            # new key on every use of an uncached one, and no certificate fits then.
            with context.signer(_identity(raw_token), cache=True) as signer:
                bundle = signer.sign_dsse(dsse.Statement(statement))
        # The library lets requests' and its own private exceptions through, and some
        # of them derive from Exception alone (sigstore.md section 6): all are one
        # failure here, classified for the reader.
        except Exception as error:
            raise _classified(error) from error
        return bundle.to_json().encode()


@dataclass(frozen=True, slots=True)
class KeylessVerifier:
    """Verifies offline, against the trusted root in the trust config."""

    trust_config: str
    issuer: str

    def payload_of(self, *, bundle: bytes, email: str) -> bytes:
        """
        Returns the statement that a bundle signs in the name of `email`.

        Raises SigningFailed (stage `verify`) for a bundle that does not verify
        under our issuer, or carries anything else than an in-toto statement.
        """
        try:
            parsed = Bundle.from_json(bundle)
            who = policy.AllOf(
                [policy.Identity(identity=email), policy.OIDCIssuerV2(self.issuer)]
            )
            kind, payload = _verifier(self.trust_config).verify_dsse(parsed, who)
        except (SigstoreError, ValueError) as error:
            msg = f"the bundle does not verify: {str(error)[:200]}"
            raise SigningFailed(msg, stage="verify", retryable=False) from error
        if kind != PAYLOAD_TYPE:
            msg = "the bundle does not carry an in-toto statement"
            raise SigningFailed(msg, stage="verify", retryable=False)
        return payload

    def verify(self, *, bundle: bytes, statement: bytes, email: str) -> SignedBundle:
        """Returns what the bundle proves; see `signing.Verifier`."""
        payload = self.payload_of(bundle=bundle, email=email)
        if payload != statement:
            msg = "the bundle signs something else than the statement on record"
            raise SigningFailed(msg, stage="verify", retryable=False)
        entry = json.loads(bundle)["verificationMaterial"]["tlogEntries"][0]
        return SignedBundle(
            raw=bundle,
            payload=payload,
            identity=email,
            issuer=self.issuer,
            log_index=int(entry.get("logIndex", 0)),
            integrated_at=datetime.fromtimestamp(int(entry["integratedTime"]), UTC),
        )


def signer_from_settings() -> KeylessSigner:
    """Returns the signer of this installation. Raises SigningFailed without trust."""
    return KeylessSigner(
        trust_config=_trust_config(),
        issuer=settings.SIGNING_ISSUER,
        token_url=f"{settings.AUTHORITY_URL}/oidc/token",
        key_path=Path(settings.PORTAL_KEY),
        deadline=settings.SIGNING_DEADLINE,
    )


def verifier_from_settings() -> KeylessVerifier:
    """Returns the verifier of this installation. Raises SigningFailed without trust."""
    return KeylessVerifier(trust_config=_trust_config(), issuer=settings.SIGNING_ISSUER)


def _trust_config() -> str:
    try:
        return Path(settings.TRUST_CONFIG).read_text()
    except OSError as error:
        msg = "the trust config cannot be read: has `manage.py authority init` run?"
        raise SigningFailed(msg, stage="trust", retryable=True) from error


@lru_cache(maxsize=4)
def _verifier(trust_config: str) -> SigstoreVerifier:
    """One verifier a trust config: building it parses keys, and it is reusable."""
    config = ClientTrustConfig.from_json(trust_config)
    return SigstoreVerifier(trusted_root=config.trusted_root)


def _context(trust_config: str, adapter: DeadlineAdapter) -> SigningContext:
    """A context for one signature: Fulcio's session is not safe to share by threads."""
    config = ClientTrustConfig.from_json(trust_config)
    services = config.signing_config
    fulcio, log = services.get_fulcio(), services.get_tlogs()[0]
    mount(fulcio.session, adapter)
    mount(log.log.session, adapter)  # type: ignore[attr-defined]  # Rekor v1 client
    return SigningContext(
        fulcio=fulcio,
        rekor=log,
        trusted_root=config.trusted_root,
        tsa_clients=services.get_tsas(),
    )


def _identity(raw_token: str) -> IdentityToken:
    """
    Reads a token for the library, which wants to be told whom it was issued to.

    Nothing is trusted by that: whoever hands a provider's token over has verified it,
    and the certificate authority verifies it again.
    """
    try:
        claims = json.loads(_unpadded(raw_token.split(".")[1]))
        audience = claims["aud"]
    except (ValueError, IndexError, KeyError, TypeError) as error:
        msg = "the identity token cannot be read"
        raise IdentityError(msg) from error
    first = audience[0] if isinstance(audience, list) and audience else audience
    return IdentityToken(raw_token, client_id=str(first))


def _unpadded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _classified(error: Exception) -> SigningFailed:
    """Turns what the library raised into a stage and a hope of success."""
    if isinstance(error, (ExpiredIdentity, IdentityError)):
        return SigningFailed(
            "the identity token was refused", stage="identity", retryable=True
        )
    answer = _answer_of(error)
    if answer is not None:
        again = answer.status_code >= requests.codes.server_error
        msg = f"the signing service answered {answer.status_code}"
        return SigningFailed(msg, stage="service", retryable=again)
    if isinstance(error, requests.RequestException):
        msg = f"the signing service did not answer ({type(error).__name__})"
        return SigningFailed(msg, stage="network", retryable=True)
    msg = f"the signature could not be made ({type(error).__name__})"
    return SigningFailed(msg, stage="library", retryable=False)


def _answer_of(error: BaseException) -> requests.Response | None:
    """
    Returns the HTTP answer behind an error, if there is one.

    FulcioClientError's own message is always empty, so the cause has to be asked.
    """
    for link in (error, error.__cause__, error.__context__):
        answer = getattr(link, "response", None)
        if isinstance(answer, requests.Response):
            return answer
    return None
