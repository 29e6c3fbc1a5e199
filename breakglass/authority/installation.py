"""Making an installation once, opening it again, and noting its generations."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from breakglass.authority import (
    certificates,
    files,
    generations,
    keys,
    offline,
)
from breakglass.authority.config import Constants, Layout
from breakglass.authority.errors import InstallationTrouble, Unavailable
from breakglass.authority.generations import Generation
from breakglass.authority.wire import BAD_X509, JsonObject

VERSION: Final = 2
_UNROTATED: Final = 1  # the version before there were generations; still read

Stamp: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Installation:
    """An opened installation: its names, its live keys, and all its generations."""

    layout: Layout
    constants: Constants
    ring: keys.KeyRing
    portal_key: ec.EllipticCurvePublicKey
    generations: tuple[Generation, ...]
    stamp: Stamp

    @property
    def generation(self) -> Generation:
        """The generation in use."""
        return self.generations[-1]

    def is_current(self) -> bool:
        """Says whether the keys in memory are still those that the file names."""
        try:
            if _stamp(self.layout.installation.stat()) == self.stamp:
                return True
            return _read(self.layout).fingerprints == dict(self.generation.fingerprints)
        except (OSError, InstallationTrouble):
            return False  # whoever cannot know must not sign

    def require_current(self) -> None:
        """
        Raises `Unavailable` when these keys have been retired meanwhile.

        Asked under the lock that a rotation takes first and while it replaces the
        file: so no signature of a retired key is ever younger than its retirement.
        """
        if not self.is_current():
            raise Unavailable("the keys were rotated: restart the authority")


@dataclass(frozen=True, slots=True)
class _Record:
    """What ``installation.json`` says; a file of version 1 lists no generations."""

    constants: Constants
    fingerprints: dict[str, str]
    generations: tuple[Generation, ...]
    stamp: Stamp


def initialise(
    base: Path, constants: Constants, *, offline_root: Path | None = None
) -> bool:
    """
    Makes keys, certificates and ``installation.json`` under *base*.

    The root's key goes to *offline_root* if given, and never into *base* then.
    Returns whether anything was made: a second call with the same constants only
    checks what is there. Raises `InstallationTrouble` for other constants, damaged
    files, or the remains of an interrupted run, and changes nothing then.
    """
    constants.require_valid()
    layout = Layout(base)
    if layout.installation.exists():
        there = open_installation(base)
        _require_same_constants(there.constants, constants, layout)
        if offline_root is not None:
            _require_root_is_away(there)
        return False
    for remains in (layout.keys, layout.portal_key, layout.portal_public):
        if remains.exists():
            raise InstallationTrouble(
                f"{remains} exists but {layout.installation.name} does not: restore "
                "it, or remove the remains of an interrupted init by hand"
            )
    if offline_root is not None:
        offline.require_usable(offline_root, base=base)
    try:
        layout.base.mkdir(parents=True, exist_ok=True)
        _create(layout, constants, offline_root)
    except OSError as exc:
        raise InstallationTrouble(f"cannot write to {base}: {exc}") from exc
    return True


def open_installation(base: Path) -> Installation:
    """Loads and checks an installation; raises `InstallationTrouble` saying what."""
    layout = Layout(base)
    record = _read(layout)
    record.constants.require_valid()
    number = len(record.generations) or 1
    ring = keys.load(layout.keys_of(number), record.fingerprints)
    known = record.generations or (
        generations.of_ring(ring, record.fingerprints, number=1),
    )
    return Installation(
        layout=layout,
        constants=record.constants,
        ring=ring,
        portal_key=keys.load_public_key(layout.portal_public),
        generations=known,
        stamp=record.stamp,
    )


def document(constants: Constants, known: Sequence[Generation]) -> str:
    """Returns the text of ``installation.json``."""
    content = {
        "version": VERSION,
        **asdict(constants),
        "generations": [generations.to_json(item) for item in known],
    }
    return json.dumps(content, indent=2) + "\n"


def _create(layout: Layout, constants: Constants, offline_root: Path | None) -> None:
    root = certificates.new_root(site=constants.site, generation=1)
    if offline_root is not None:
        offline.write_root(offline_root, root)
    fingerprints = keys.create(
        layout.keys,
        site=constants.site,
        generation=1,
        root=root,
        keep_root=offline_root is None,
    )
    layout.portal_key.parent.mkdir(mode=0o700, exist_ok=True)
    portal = ec.generate_private_key(ec.SECP256R1())
    files.write_new(layout.portal_key, keys.pem(portal), mode=0o600)
    public_pem = portal.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    files.write_new(layout.portal_public, public_pem, mode=0o644)
    # Last, because its presence is what says that the installation is complete.
    ring = keys.load(layout.keys, fingerprints)
    first = generations.of_ring(ring, fingerprints, number=1)
    files.write_new(
        layout.installation, document(constants, [first]).encode(), mode=0o644
    )


def _read(layout: Layout) -> _Record:
    path = layout.installation
    try:
        with path.open(encoding="utf-8") as file:
            stamp = _stamp(os.fstat(file.fileno()))
            content = json.load(file)
    except FileNotFoundError as exc:
        raise InstallationTrouble(
            f"there is no authority in {layout.base}: run `manage.py authority init`"
        ) from exc
    except (OSError, ValueError) as exc:
        raise InstallationTrouble(f"{path} cannot be read: {exc}") from exc
    try:
        return _record(content, stamp)
    except (KeyError, *BAD_X509) as exc:
        raise InstallationTrouble(f"{path} is damaged: {exc}") from exc


def _record(content: JsonObject, stamp: Stamp) -> _Record:
    names = {name: content[name] for name in ("issuer", "log_name", "site")}
    if not all(isinstance(value, str) for value in names.values()):
        raise TypeError("a name is not a text")
    constants = Constants(**names)  # type: ignore[arg-type]  # looked at just above
    if content["version"] == _UNROTATED:
        found = content["keys"]
        if not isinstance(found, dict):
            raise TypeError("keys is not an object")
        fingerprints = {role: str(found[role]) for role in keys.CURVES}
        return _Record(constants, fingerprints, (), stamp)
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']} is not known here")
    listed = content["generations"]
    if not isinstance(listed, list) or not listed:
        raise TypeError("no generation is listed")
    known = tuple(generations.from_json(item) for item in listed)
    generations.require_in_order(known)
    return _Record(constants, dict(known[-1].fingerprints), known, stamp)


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_mtime_ns


def _require_root_is_away(there: Installation) -> None:
    path = keys.key_path(there.layout.keys_of(there.generation.number), keys.OFFLINE)
    if path.exists():
        raise InstallationTrouble(
            f"the authority is there already and its root key is in {path}: move that "
            "file to the offline medium by hand (mv, then chmod 600)"
        )


def _require_same_constants(there: Constants, asked: Constants, layout: Layout) -> None:
    for name, value in asdict(there).items():
        other = asdict(asked)[name]
        if value != other:
            raise InstallationTrouble(
                f"{layout.installation} was made with {name} {value!r}, not {other!r}. "
                "It is in every certificate for ever and cannot change."
            )
