"""
Whether a signature's keys were in use when it was made. Pure.

The stock verifier skips keys that begin in the future and ignores `validFor.end`: a
retired key would go on counting for ever. Ask this after it has accepted a bundle, for
what is read here is proven there.

It cannot help against a thief who holds a retired *log's* key, since that key signs the
time itself: such a generation has to leave the trusted root.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle

from breakglass.errors import SigningFailed

Listed: TypeAlias = Mapping[str, Any]  # one authority or log of a trusted root

_ALWAYS: Final[Listed] = {}


@lru_cache(maxsize=4)
def trusted_root_of(trust_config: str) -> Listed:
    """Returns the trusted root of a client trust config; do not change what it says."""
    root: Listed = json.loads(trust_config)["trustedRoot"]
    return root


def require_in_window(*, bundle: bytes, trusted_root: Listed) -> None:
    """
    Raises SigningFailed (stage `verify`) for a key outside its time.

    Authority, log and certificate log must each be listed with a window that covers
    every time which the stock verifier may have relied on. A key that is not listed is
    refused as well: the stock verifier tries all keys when a key ID is unknown to it.
    """
    try:
        parsed = Bundle.from_json(bundle)
    except (SigstoreError, ValueError) as error:
        raise _unreadable(error) from error
    require_parsed_in_window(parsed=parsed, trusted_root=trusted_root)


def require_parsed_in_window(*, parsed: Bundle, trusted_root: Listed) -> None:
    """Does the same for a bundle that the caller has parsed already."""
    try:
        # What the library understood, not our own reading of the same bytes: two
        # parsers that differ over a doubled or misspelt field would be a way past.
        material = json.loads(parsed.to_json())["verificationMaterial"]
        (entry,) = material["tlogEntries"]
        leaf, times = parsed.signing_certificate, _times(parsed, entry)
        certificate_logs = _certificate_logs(leaf)
        key_id = entry["logId"]["keyId"]
        logs = [one for one in trusted_root["tlogs"] if key_id in _key_ids(one)]
        _require(times, [_of_key(one) for one in logs], what="the log's key")
        for log_id in certificate_logs:
            logs = [one for one in trusted_root["ctlogs"] if log_id in _key_ids(one)]
            windows = [_of_key(one) for one in logs]
            _require(times, windows, what="the certificate log's key")
        _require_authority(leaf, times, trusted_root["certificateAuthorities"])
    except (SigstoreError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> SigningFailed:
    msg = f"the bundle's keys cannot be told apart: {str(error)[:200]}"
    return SigningFailed(msg, stage="verify", retryable=False)


def _times(bundle: Bundle, entry: Listed) -> list[datetime]:
    """
    Returns the moments that somebody signed: the log's, if promised, and all stamps.

    All, and not the best one: a stamp that does not verify may stand beside one that
    does, and says whatever its maker liked.
    """
    times = []
    if entry.get("inclusionPromise") and int(entry.get("integratedTime") or 0):
        times.append(datetime.fromtimestamp(int(entry["integratedTime"]), UTC))
    stamps = bundle.verification_material.timestamp_verification_data
    if stamps is not None:
        times += [stamp.tst_info.gen_time for stamp in stamps.rfc3161_timestamps]
    if not times:
        msg = "nobody signed the time"
        raise ValueError(msg)
    return times


def _certificate_logs(leaf: x509.Certificate) -> list[str]:
    """Returns the key IDs that the certificate's timestamps name, as base64."""
    kind = x509.PrecertificateSignedCertificateTimestamps
    try:
        stamps = leaf.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        stamps = None
    if not stamps:
        msg = "the certificate carries no timestamp of a certificate log"
        raise ValueError(msg)
    return [b64encode(stamp.log_id).decode("ascii") for stamp in stamps]


def _require_authority(
    leaf: x509.Certificate, times: list[datetime], listed: Iterable[Listed]
) -> None:
    """
    Finds who issued the certificate, by name: no chain holds without (RFC 5280, 6.1.3).

    Only where authorities of one name are not all in their windows, the costly answer
    is needed: whose key it was.
    """
    named = [(one, _issuer(one)) for one in listed]
    named = [(one, issuer) for one, issuer in named if issuer.subject == leaf.issuer]
    covering = [issuer for one, issuer in named if _covers(one.get("validFor"), times)]
    if not covering:
        raise _retired(times, "the certificate authority's key")
    if len(covering) < len(named) and not any(_issued(leaf, by) for by in covering):
        raise _retired(times, "the certificate authority's key")


def _issuer(authority: Listed) -> x509.Certificate:
    return _certificate(authority["certChain"]["certificates"][0]["rawBytes"])


@lru_cache(maxsize=64)
def _certificate(der: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(b64decode(der))


def _issued(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False  # another kind of key, another key
    return True


def _key_ids(log: Listed) -> set[str]:
    """A Rekor v2 log has a second ID, which is the one in its entries."""
    names = (log.get("logId"), log.get("checkpointKeyId"))
    return {name["keyId"] for name in names if name}


def _of_key(log: Listed) -> Listed | None:
    window: Listed | None = log["publicKey"].get("validFor")
    return window


def _require(
    times: list[datetime], windows: Iterable[Listed | None], *, what: str
) -> None:
    if not any(_covers(window, times) for window in windows):
        raise _retired(times, what)


def _covers(window: Listed | None, times: list[datetime]) -> bool:
    start, end = (window or _ALWAYS).get("start"), (window or _ALWAYS).get("end")
    return all(
        (not start or datetime.fromisoformat(start) <= time)
        and (not end or time <= datetime.fromisoformat(end))
        for time in times
    )


def _retired(times: list[datetime], what: str) -> SigningFailed:
    msg = (
        f"{what} was not in use at {times[0]:%Y-%m-%d %H:%M:%S} UTC, by the trusted "
        "root: it was retired before, or is not listed"
    )
    return SigningFailed(msg, stage="verify", retryable=False)
