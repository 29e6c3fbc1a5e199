"""
The root key away from the host: written once to a folder elsewhere, read to rotate.

A running authority never needs it. Away, it survives a break-in on the host: the next
generation can then be certified under the root that verifiers know already.
"""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority import keys
from breakglass.authority.certificates import Root
from breakglass.authority.errors import InstallationTrouble
from breakglass.authority.files import write_new


def require_usable(folder: Path, *, base: Path) -> None:
    """
    Raises `InstallationTrouble` unless *folder* can take a root key.

    Asked before anything is made, so that a wrong folder costs nothing.
    """
    if folder.resolve().is_relative_to(base.resolve()):
        raise InstallationTrouble(
            f"{folder} lies inside {base}: an offline root key belongs elsewhere, "
            "on a medium that can be taken away"
        )
    if not folder.exists():
        if not folder.parent.is_dir():
            raise InstallationTrouble(f"{folder.parent} does not exist: is it mounted?")
        return
    if not folder.is_dir():
        raise InstallationTrouble(f"{folder} is not a folder")
    if (mode := folder.stat().st_mode & 0o777) & 0o077:
        raise InstallationTrouble(
            f"{folder} is open to others (mode {mode:o}): run chmod 700, or mount the "
            "medium with umask=077"
        )


def write_root(folder: Path, root: Root) -> Path:
    """
    Writes key (0600) and certificate of *root* into *folder*; returns the key's path.

    A folder that holds this very key already is left as it is. Raises
    `InstallationTrouble` for one with another root key, and for a file system that
    does not keep private modes.
    """
    path = keys.key_path(folder, keys.OFFLINE)
    if path.exists():
        there = keys.load_private_key(path, ec.SECP384R1)
        if keys.key_id(there.public_key()) == keys.key_id(root.key.public_key()):
            return path
        raise InstallationTrouble(
            f"{path} exists already and is another key: give an empty folder"
        )
    certificate = root.certificate.public_bytes(serialization.Encoding.PEM)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_new(path, keys.pem(root.key), mode=0o600)
        write_new(keys.certificate_path(folder, keys.OFFLINE), certificate, mode=0o644)
        mode = path.stat().st_mode & 0o777
    except OSError as exc:
        raise InstallationTrouble(
            f"the root key cannot be written to {folder}: {exc.strerror}"
        ) from exc
    if mode & 0o077:
        path.unlink()
        raise InstallationTrouble(
            f"the file system of {folder} does not keep private modes (a file got "
            f"{mode:o}): mount it with umask=077"
        )
    return path


def read_root(path: Path, certificate: x509.Certificate) -> Root:
    """Returns the root whose key is in *path*; raises `InstallationTrouble`."""
    key = keys.load_private_key(path, ec.SECP384R1)
    if key.public_key() != certificate.public_key():
        raise InstallationTrouble(
            f"{path} is not the key of this installation's root certificate "
            f"({certificate.subject.rfc4514_string()}): give the right file, or make a "
            "new root with --new-root"
        )
    return Root(key, certificate)
