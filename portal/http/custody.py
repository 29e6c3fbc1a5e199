"""Whether the embedded authority signed: then its limits are told to the reader."""

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID
from django.conf import settings

from breakglass.models import Bundle

# How the embedded authority names its issuing CAs, one for each generation of keys.
_EMBEDDED: Final = re.compile(r"breakglass-ca(-[0-9]+)?")


def is_embedded(signed: Bundle | None) -> bool:
    """
    Says whether the embedded authority certified a signature.

    Of an entry without one of its own: whether it is what signs the checkpoints now,
    by the trust config. What cannot be read makes no claim.
    """
    try:
        if signed is not None:
            material = json.loads(bytes(signed.bundle))["verificationMaterial"]
            raw = b64decode(material["certificate"]["rawBytes"])
            return _is_ours(x509.load_der_x509_certificate(raw).issuer)
        trust = json.loads(Path(settings.TRUST_CONFIG).read_bytes())["trustedRoot"]
        live = [one for one in trust["certificateAuthorities"] if _is_live(one)]
        return bool(live) and all(_is_ours(_subject(one)) for one in live)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return False


def _is_live(authority: dict[str, Any]) -> bool:
    return not authority.get("validFor", {}).get("end")


def _subject(authority: dict[str, Any]) -> x509.Name:
    issuing = authority["certChain"]["certificates"][0]["rawBytes"]
    return x509.load_der_x509_certificate(b64decode(issuing)).subject


def _is_ours(name: x509.Name) -> bool:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return len(found) == 1 and bool(_EMBEDDED.fullmatch(str(found[0].value)))
