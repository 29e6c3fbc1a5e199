"""What the live log key signs: checkpoints, and promises to keep an entry."""

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority import wire
from breakglass.authority.config import Constants
from breakglass.authority.keys import KeyRing, key_id
from breakglass.authority.wire import JsonObject, base64_text

_ECDSA_SHA256: Final = ec.ECDSA(hashes.SHA256())


class Notary:
    """Signs what the log says: checkpoints and inclusion promises."""

    def __init__(self, ring: KeyRing, constants: Constants) -> None:
        self._key = ring.rekor
        self._name = constants.log_name
        self.log_id = key_id(ring.rekor.public_key())
        self.tree_id = str(int.from_bytes(self.log_id[:6], "big"))

    def checkpoint(self, size: int, root: bytes) -> str:
        """Returns the signed note over a tree head, in Rekor v1's dialect."""
        body = f"{self._name} - {self.tree_id}\n{size}\n{base64_text(root)}\n"
        signature = self._key.sign(body.encode("ascii"), _ECDSA_SHA256)
        hinted = base64_text(self.log_id[:4] + signature)
        return f"{body}\n\N{EM DASH} {self._name} {hinted}\n"

    def promise(self, entry: JsonObject) -> bytes:
        """Returns the signed entry timestamp: ECDSA over RFC 8785 bytes."""
        return self._key.sign(wire.canonical(entry), _ECDSA_SHA256)


def genesis(constants: Constants, generation: int) -> bytes:
    """Returns the body of a shard's first entry, which nobody signs."""
    spec: JsonObject = {"logName": constants.log_name, "site": constants.site}
    if generation > 1:  # or the shards' first entries would share their uuid
        spec["generation"] = generation
    return wire.canonical({"apiVersion": "0.0.1", "kind": "genesis", "spec": spec})
