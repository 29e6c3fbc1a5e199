"""Making an installation once, and opening it again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority import keys
from breakglass.authority.config import Constants, Layout
from breakglass.authority.errors import InstallationTrouble


@dataclass(frozen=True, slots=True)
class Installation:
    """An opened installation: its names, its keys, and the portal's public key."""

    layout: Layout
    constants: Constants
    ring: keys.KeyRing
    portal_key: ec.EllipticCurvePublicKey


def initialise(base: Path, constants: Constants) -> bool:
    """
    Makes keys, certificates and ``installation.json`` under *base*.

    Returns whether anything was made: a second call with the same constants only
    checks what is there. Raises `InstallationTrouble` for other constants, damaged
    files, or the remains of an interrupted run, and changes nothing then.
    """
    constants.require_valid()
    layout = Layout(base)
    if layout.installation.exists():
        _require_same_constants(open_installation(base).constants, constants, layout)
        return False
    for remains in (layout.keys, layout.portal_key, layout.portal_public):
        if remains.exists():
            raise InstallationTrouble(
                f"{remains} exists but {layout.installation.name} does not: restore "
                "it, or remove the remains of an interrupted init by hand"
            )
    try:
        _create(layout, constants)
    except OSError as exc:
        raise InstallationTrouble(f"cannot write to {base}: {exc}") from exc
    return True


def open_installation(base: Path) -> Installation:
    """Loads and checks an installation; raises `InstallationTrouble` saying what."""
    layout = Layout(base)
    constants, fingerprints = _read(layout)
    constants.require_valid()
    return Installation(
        layout=layout,
        constants=constants,
        ring=keys.load(layout.keys, fingerprints),
        portal_key=keys.load_public_key(layout.portal_public),
    )


def _create(layout: Layout, constants: Constants) -> None:
    layout.base.mkdir(parents=True, exist_ok=True)
    fingerprints = keys.create(layout.keys, site=constants.site)
    layout.portal_key.parent.mkdir(mode=0o700, exist_ok=True)
    pem = keys.new_private_key_pem(ec.SECP256R1())
    keys.write_new(layout.portal_key, pem, mode=0o600)
    portal = keys.load_private_key(layout.portal_key, ec.SECP256R1)
    public_pem = portal.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    keys.write_new(layout.portal_public, public_pem, mode=0o644)
    # Last, because its presence is what says that the installation is complete.
    document = {"version": 1, **asdict(constants), "keys": fingerprints}
    text = json.dumps(document, indent=2) + "\n"
    keys.write_new(layout.installation, text.encode(), mode=0o644)


def _read(layout: Layout) -> tuple[Constants, dict[str, str]]:
    path = layout.installation
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise InstallationTrouble(
            f"there is no authority in {layout.base}: run `manage.py authority init`"
        ) from exc
    except (OSError, ValueError) as exc:
        raise InstallationTrouble(f"{path} cannot be read: {exc}") from exc
    try:
        names = {name: document[name] for name in ("issuer", "log_name", "site")}
        fingerprints = {role: document["keys"][role] for role in keys.CURVES}
    except (KeyError, TypeError) as exc:
        raise InstallationTrouble(f"{path} is damaged: {exc} is missing") from exc
    values = [document.get("version"), *names.values(), *fingerprints.values()]
    if values[0] != 1 or not all(isinstance(value, str) for value in values[1:]):
        raise InstallationTrouble(f"{path} is damaged or of an unknown version")
    return Constants(**names), fingerprints


def _require_same_constants(there: Constants, asked: Constants, layout: Layout) -> None:
    for name, value in asdict(there).items():
        other = asdict(asked)[name]
        if value != other:
            raise InstallationTrouble(
                f"{layout.installation} was made with {name} {value!r}, not {other!r}. "
                "It is in every certificate for ever and cannot change."
            )
