"""
What is signed: in-toto Statement v1, as RFC 8785 bytes. Pure.

Source: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from collections.abc import Mapping, Sequence
from typing import Final

import rfc8785

Value = str | int | bool | None | Sequence["Value"] | Mapping[str, "Value"]

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
APPROVAL_TYPE: Final = "https://breakglass.dev/approval/v1"
GRANT_TYPE: Final = "https://breakglass.dev/grant/v1"
CHECKPOINT_TYPE: Final = "https://breakglass.dev/checkpoint/v1"
COUNTERSIGNATURE_TYPE: Final = "https://breakglass.dev/countersignature/v1"
REQUEST_TYPE: Final = "breakglass/request/v1"


def statement(
    *, name: str, sha256: bytes, predicate_type: str, predicate: Mapping[str, Value]
) -> bytes:
    """
    Returns the exact bytes to sign.

    `sha256` is the digest of the subject's stored bytes, so that the stock CLI can
    check it: a request's frozen body, or a chain's head entry.
    """
    return rfc8785.dumps(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": sha256.hex()}}],
            "predicateType": predicate_type,
            "predicate": dict(predicate),
        }
    )
