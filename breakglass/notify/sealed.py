"""
Secrets that have to be read again, sealed at rest with the installation's own key.

A copy of the database alone then opens none of them. The key is derived from
SECRET_KEY; after that was changed, SECRET_KEY_FALLBACKS still open what it sealed.
"""

import base64
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from breakglass.errors import Unavailable
from breakglass.texts import text

_INFO: Final = b"breakglass sealed secrets v1"
_KEY_BYTES: Final = 32


def seal(secret: str) -> bytes:
    """Returns the secret, encrypted and authenticated."""
    return _keys().encrypt(secret.encode())


def opened(sealed: "bytes | memoryview[int]") -> str:
    """Returns the secret; raises Unavailable where the key is not there any more."""
    try:
        return _keys().decrypt(bytes(sealed)).decode()
    except InvalidToken as error:
        msg = text("its secret cannot be read with this installation's key: rotate it")
        raise Unavailable(msg) from error


def _keys() -> MultiFernet:
    given = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([_key(str(one)) for one in given])


def _key(secret: str) -> Fernet:
    kdf = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_INFO)
    return Fernet(base64.urlsafe_b64encode(kdf.derive(secret.encode())))
