"""Sigstore over HTTP with an OIDC identity: the one signer and the one verifier."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from sigstore import dsse
from sigstore.errors import CertValidationError
from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.verify import Verifier as SigstoreVerifier
from sigstore.verify import policy

from breakglass.errors import SigningFailed
from breakglass.signing import (
    Expected,
    SignedBundle,
    SignerIdentity,
    instance,
    windows,
)
from breakglass.signing.context import signing_context
from breakglass.signing.deadline import slots, within
from breakglass.signing.failures import classified
from breakglass.signing.identity import Tokens
from breakglass.signing.names import AnyName
from breakglass.signing.statements import STATEMENT_TYPE
from breakglass.signing.transport import DeadlineAdapter

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class KeylessSigner:
    """
    Signs through Fulcio and the log of the instance in the trust config.

    With `digest_only` the log is told the digest of the statement and nothing else
    of it (a `hashedrekord` entry); otherwise it is sent the whole envelope.
    """

    trust_config: str
    tokens: Tokens
    deadline: timedelta
    slots: int
    digest_only: bool = False
    tls_ca: str = ""

    def sign(
        self, *, statement: bytes, identity: SignerIdentity, id_token: str | None = None
    ) -> bytes:
        """Returns the bundle's JSON bytes; see `signing.Signer`."""

        def work() -> bytes:
            adapter = DeadlineAdapter(deadline=self.deadline)
            try:
                return self._signed(statement, identity, id_token, adapter)
            # The library lets requests' and its own private exceptions through, and
            # some derive from Exception alone (sigstore.md section 6): all are one
            # failure here, classified for the reader.
            except Exception as error:
                raise classified(error) from error
            finally:
                adapter.close()

        return within(self.deadline, work, available=slots(self.slots))

    def _signed(
        self,
        statement: bytes,
        identity: SignerIdentity,
        id_token: str | None,
        adapter: DeadlineAdapter,
    ) -> bytes:
        token = self.tokens.token(identity=identity, id_token=id_token, adapter=adapter)
        context = signing_context(self.trust_config, adapter, tls_ca=self.tls_ca)
        # A signer lives for one signature. It has to cache: sigstore 4.5 makes a
        # new key on every use of an uncached one, and no certificate fits then.
        with context.signer(token, cache=True) as signer:
            if self.digest_only:
                bundle = signer.sign_artifact(statement)
            else:
                bundle = signer.sign_dsse(dsse.Statement(statement))
        return bundle.to_json().encode()


@dataclass(frozen=True, slots=True)
class _Proved:
    """A bundle that verified, parsed once: whose it is, and what it signs."""

    parsed: Bundle
    text: dict[str, Any]
    payload: bytes
    signer: Expected


@dataclass(frozen=True, slots=True)
class KeylessVerifier:
    """
    Verifies offline: under the trusted root in the trust config, then under others.

    `extra` are files with the roots of former instances, read when they are needed.
    """

    trust_config: str
    issuer: str
    extra: tuple[str, ...] = ()

    def payload_of(
        self,
        *,
        bundle: bytes,
        email: str = "",
        expected: Sequence[Expected] = (),
        statement: bytes | None = None,
    ) -> bytes:
        """
        Returns the statement that a bundle signs in an expected name.

        A bundle over a digest alone does not carry its statement: give it. Raises
        SigningFailed (stage `verify`) for a bundle that does not verify, names nobody
        expected, or is over anything else than an in-toto statement.
        """
        wanted = tuple(expected) or self._named(email)
        return self._proved(bundle, wanted, statement).payload

    def _proved(
        self, bundle: bytes, wanted: Sequence[Expected], statement: bytes | None
    ) -> _Proved:
        who = AnyName(wanted)
        try:
            parsed, text = Bundle.from_json(bundle), _text(bundle)
            trusted, payload = self._checked(parsed, who, text, statement)
        except (SigstoreError, ValueError, RecursionError) as error:
            msg = f"the bundle does not verify: {str(error)[:200]}"
            raise SigningFailed(msg, stage="verify", retryable=False) from error
        # The stock verification has succeeded, under the root `trusted`: what the
        # library leaves unchecked is checked here.
        windows.require_parsed_in_window(
            parsed=parsed, trusted_root=windows.trusted_root_of(trusted)
        )
        if not _is_statement(payload) or who.matched is None:
            msg = "the bundle does not carry an in-toto statement"
            raise SigningFailed(msg, stage="verify", retryable=False)
        return _Proved(parsed, text, payload, who.matched)

    def verify(
        self,
        *,
        bundle: bytes,
        statement: bytes,
        email: str = "",
        expected: Sequence[Expected] = (),
    ) -> SignedBundle:
        """Returns what the bundle proves; see `signing.Verifier`."""
        wanted = tuple(expected) or self._named(email)
        proved = self._proved(bundle, wanted, statement)
        if proved.payload != statement:
            msg = "the bundle signs something else than the statement on record"
            raise SigningFailed(msg, stage="verify", retryable=False)
        entry = proved.text["verificationMaterial"]["tlogEntries"][0]
        return SignedBundle(
            raw=bundle,
            payload=proved.payload,
            identity=proved.signer.identity,
            issuer=proved.signer.issuer,
            log_index=int(entry.get("logIndex", 0)),
            integrated_at=_integrated_at(proved.parsed, entry),
        )

    def _named(self, email: str) -> tuple[Expected, ...]:
        """Whom a name stands for; our own issuer first, whatever the settings say."""
        ours = Expected(email, self.issuer)
        return tuple(dict.fromkeys((ours, *instance.accepted(email))))

    def _checked(
        self,
        parsed: Bundle,
        who: policy.VerificationPolicy,
        text: dict[str, Any],
        statement: bytes | None,
    ) -> tuple[str, bytes]:
        """Returns the first root under which the bundle verifies, and its payload."""
        first: Exception | None = None
        for root in self._roots():
            try:
                if "messageSignature" not in text:
                    return root, _dsse_payload(root, parsed, who)
                return root, _artifact(root, parsed, who, statement)
            except (SigstoreError, ValueError) as error:
                # That another instance certified it says nothing; what is wrong
                # under the root that did is worth telling.
                if first is None or isinstance(first, CertValidationError):
                    first = error
        raise first or ValueError("there is no trusted root")

    def _roots(self) -> Iterator[str]:
        yield self.trust_config
        for path in self.extra:
            yield instance.extra_root(path).trust_config


def signer_from_settings() -> KeylessSigner:
    """Returns the signer of this installation. Raises SigningFailed without trust."""
    return KeylessSigner(
        trust_config=instance.trust_config(),
        tokens=Tokens(
            source=settings.SIGNING_IDENTITY,
            token_url=f"{settings.AUTHORITY_URL}/oidc/token",
            issuer=settings.SIGNING_ISSUER,
            key_path=Path(settings.PORTAL_KEY),
            token_file=settings.WORKLOAD_TOKEN_FILE,
            client_id=settings.PROVIDER_CLIENT_ID,
        ),
        deadline=settings.SIGNING_DEADLINE,
        slots=settings.SIGNING_SLOTS,
        digest_only=settings.SIGNING_DIGEST_ONLY,
        tls_ca=settings.SIGNING_TLS_CA,
    )


def verifier_from_settings() -> KeylessVerifier:
    """Returns the verifier of this installation. Raises SigningFailed without trust."""
    return KeylessVerifier(
        trust_config=instance.trust_config(),
        issuer=settings.SIGNING_ISSUER,
        extra=tuple(settings.EXTRA_TRUST),
    )


def require_usable(trust_config: str) -> None:
    """Raises SigningFailed (stage `trust`) unless one can sign and verify with it."""
    try:
        config = ClientTrustConfig.from_json(trust_config)
        SigstoreVerifier(trusted_root=config.trusted_root)
        config.signing_config.get_fulcio()
        config.signing_config.get_tlogs()
        config.trusted_root.get_fulcio_certs()
    # Whatever a file that somebody wrote makes the library raise, it is of no use.
    except Exception as error:
        msg = f"the trust config cannot be used ({type(error).__name__})"
        raise SigningFailed(msg, stage="trust", retryable=False) from error


@lru_cache(maxsize=16)
def _verifier(trust_config: str) -> SigstoreVerifier:
    """One verifier a trust config: building it parses keys, and it is reusable."""
    root = ClientTrustConfig.from_json(trust_config).trusted_root
    # The library parses the logs' keys anew for each bundle: a tenth of its time.
    root.rekor_keyring = cache(root.rekor_keyring)  # type: ignore[method-assign]
    root.ct_keyring = cache(root.ct_keyring)  # type: ignore[method-assign]
    return SigstoreVerifier(trusted_root=root)


def _dsse_payload(root: str, parsed: Bundle, who: policy.VerificationPolicy) -> bytes:
    kind, payload = _verifier(root).verify_dsse(parsed, who)
    if kind != PAYLOAD_TYPE:
        msg = f"its payload is not {PAYLOAD_TYPE}"
        raise ValueError(msg)
    return payload


def _artifact(
    root: str, parsed: Bundle, who: policy.VerificationPolicy, statement: bytes | None
) -> bytes:
    if statement is None:
        msg = "it signs a digest, and its statement was not given"
        raise ValueError(msg)
    _verifier(root).verify_artifact(statement, parsed, who)
    return statement


def _text(bundle: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(bundle)
    return document


def _is_statement(payload: bytes) -> bool:
    try:
        return bool(json.loads(payload)["_type"] == STATEMENT_TYPE)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _integrated_at(parsed: Bundle, entry: dict[str, Any]) -> datetime:
    """When it was signed, at the latest: by the log, or by a timestamp authority."""
    logged = int(entry.get("integratedTime", 0))
    if logged:
        return datetime.fromtimestamp(logged, UTC)
    # A Rekor v2 log says no time; the verified bundle then has a timestamp.
    stamps = parsed.verification_material.timestamp_verification_data
    found = stamps.rfc3161_timestamps if stamps is not None else []
    times = [stamp.tst_info.gen_time for stamp in found]
    return min(times, default=parsed.signing_certificate.not_valid_before_utc)
