"""
Rotating the keys: a new generation begins, the one before ends, its keys are deleted.

The order makes a kill at any moment harmless. New keys are made beside the old ones
and sign nothing yet. Then, under the locks of all logs, ``installation.json`` is
replaced: that one rename is the rotation. Database, trust files and the deletion of the
old keys follow, and whatever of it is left undone is done by the next start or the next
``rotate``.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from breakglass.authority import (
    certificates,
    files,
    generations,
    keys,
    offline,
    preparation,
    trust,
)
from breakglass.authority.certificates import Root
from breakglass.authority.config import Layout
from breakglass.authority.errors import InstallationTrouble, NotUsable
from breakglass.authority.generations import Generation, Remark
from breakglass.authority.installation import (
    Installation,
    document,
    open_installation,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator asks of a rotation."""

    reason: str = ""
    compromised: bool = False
    root_key: Path | None = None
    new_root: bool = False
    offline_root: Path | None = None

    def require_valid(self) -> None:
        """Raises `NotUsable` for wishes that contradict each other."""
        if self.compromised and not self.reason.strip():
            raise NotUsable(
                "--compromised needs --reason: an auditor must be told why what those "
                "keys signed does not count any more"
            )
        if self.root_key and (self.new_root or self.offline_root):
            raise NotUsable(
                "--root-key names a root that stays where it is: it goes neither with "
                "--new-root nor with --offline-root"
            )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rotation did: the new generation, or that it finished an earlier run."""

    generation: Generation
    finished_only: bool = False
    new_root: bool = False


def rotate(base: Path, *, database_url: str, wish: Wish) -> Outcome:
    """
    Begins a new generation of the online keys and retires the one in use.

    A run that was killed after the rotation took effect is finished first, and then
    nothing else is done. Raises `InstallationTrouble`, and changes nothing that
    counts, when the root's key or the database is not there.
    """
    wish.require_valid()
    with alone(Layout(base)):
        installation = open_installation(base)
        if _is_unfinished(installation):
            return _finish(installation, database_url, wish)
        try:
            return _rotate(installation, database_url, wish)
        except InstallationTrouble as exc:
            if installation.is_current():
                raise
            raise InstallationTrouble(
                f"{exc}. The rotation has taken effect all the same: run rotate again, "
                "or restart the authority, and it will be finished"
            ) from exc


def distrust(base: Path, *, generation: int, reason: str) -> Generation:
    """
    Takes a retired generation out of the trusted root, for ever and on record.

    For keys that turn out to have been stolen before they were retired. Needs no key.
    The second time only writes the trust files again: the first reason stands. Raises
    `InstallationTrouble` for the generation in use: that takes a rotation.
    """
    if not reason.strip():
        raise NotUsable("--reason is required: it is what an auditor is told")
    with alone(Layout(base)):
        installation = open_installation(base)
        *retired, live = installation.generations
        if generation == live.number:
            raise InstallationTrouble(
                f"generation {generation} is in use: run rotate --compromised"
            )
        if not 0 < generation < live.number:
            raise NotUsable(f"there is no generation {generation}")
        known = retired[generation - 1]
        if known.distrusted is None:
            known = replace(known, distrusted=Remark(datetime.now(UTC), reason))
            retired[generation - 1] = known
            _record(installation, (*retired, live))
        trust.republish(open_installation(base))
        return known


def bring_up(installation: Installation, database_url: str) -> None:
    """Prepares the database for the generation in use; safe to repeat."""
    preparation.prepare(
        database_url,
        log_name=installation.constants.log_name,
        known=installation.generations,
        begin=preparation.opening(
            installation.ring,
            installation.constants,
            generation=installation.generation.number,
        ),
    )


def tidy_up(installation: Installation) -> None:
    """
    Deletes the key files of every generation but the one in use.

    Private keys first. Their public halves are in ``installation.json``. Files that a
    killed run left half written go as well, so hold `alone`.
    """
    layout = installation.layout
    for path in (layout.installation, layout.trusted_root, layout.trust_config):
        for remains in layout.base.glob(f"{files.prefix(path)}*"):
            remains.unlink()
    for generation in installation.generations[:-1]:
        folder = layout.keys_of(generation.number)
        for path in keys.paths(folder):
            path.unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _rotate(installation: Installation, database_url: str, wish: Wish) -> Outcome:
    layout, constants = installation.layout, installation.constants
    retiring, number = installation.generation, installation.generation.number + 1
    if wish.offline_root:
        offline.require_usable(wish.offline_root, base=layout.base)
    root, keep_root = _root(installation, wish, number)
    bring_up(installation, database_url)  # a database in trouble is found out here
    if wish.offline_root:
        offline.write_root(wish.offline_root, root)
    folder = layout.keys_of(number)
    if folder.exists():
        shutil.rmtree(folder)  # of a run that was killed before those keys counted
    fingerprints = keys.create(
        folder, site=constants.site, generation=number, root=root, keep_root=keep_root
    )
    ring = keys.load(folder, fingerprints)
    begin = preparation.opening(ring, constants, generation=number)
    seal = preparation.opening(installation.ring, constants, generation=retiring.number)
    with preparation.connection(database_url) as connection:
        now = preparation.lock_all(connection) / 1000
        preparation.seal_certificates(connection, retiring, seal)
        # Whole seconds, outwards: nothing either generation signs lies outside.
        started = datetime.fromtimestamp(int(now), UTC)
        ended = Remark(started + timedelta(seconds=1), wish.reason)
        retired = replace(
            retiring, retired=ended, distrusted=ended if wish.compromised else None
        )
        beginning = generations.of_ring(
            ring, fingerprints, number=number, started_at=started
        )
        known = (*installation.generations[:-1], retired, beginning)
        preparation.advance(connection, known, begin)
        _record(installation, known)
    rotated = open_installation(layout.base)
    trust.republish(rotated)
    tidy_up(rotated)
    new_root = root.certificate != installation.ring.root
    return Outcome(beginning, new_root=new_root)


def _root(installation: Installation, wish: Wish, number: int) -> tuple[Root, bool]:
    """
    Returns the root for the next generation, and whether its key is kept here.

    A root key that lay beside stolen keys is taken for stolen too.
    """
    here = keys.key_path(
        installation.layout.keys_of(installation.generation.number), keys.OFFLINE
    )
    certificate = installation.ring.root
    stolen = wish.compromised and here.exists()
    if stolen and wish.root_key:
        raise InstallationTrouble(
            f"the root key lies in {here.parent} beside the compromised keys and is "
            "taken for compromised too: leave --root-key out, and a new root is made"
        )
    if wish.new_root or stolen:
        root = certificates.new_root(
            site=installation.constants.site, generation=number
        )
        return root, wish.offline_root is None
    if wish.root_key is None and not here.exists():
        raise InstallationTrouble(
            f"the root key is not in {here.parent}: give it with --root-key FILE, or "
            "make a new root with --new-root"
        )
    root = offline.read_root(wish.root_key or here, certificate)
    if certificate.not_valid_after_utc <= datetime.now(UTC) + timedelta(days=1):
        raise InstallationTrouble(
            f"the root ends at {certificate.not_valid_after_utc}: use --new-root"
        )
    # Whatever lies in the old folder is about to be deleted.
    is_here = wish.root_key is None or wish.root_key.resolve() == here.resolve()
    return root, is_here and wish.offline_root is None


def _record(installation: Installation, known: tuple[Generation, ...]) -> None:
    text = document(installation.constants, known)
    files.replace(installation.layout.installation, text)


def _is_unfinished(installation: Installation) -> bool:
    return any(
        path.exists()
        for generation in installation.generations[:-1]
        for path in keys.paths(installation.layout.keys_of(generation.number))
    )


def _finish(installation: Installation, database_url: str, wish: Wish) -> Outcome:
    bring_up(installation, database_url)
    trust.republish(installation)
    tidy_up(installation)
    *_, before, live = installation.generations
    if wish.compromised and not before.distrusted:
        raise InstallationTrouble(
            f"an interrupted rotation to generation {live.number} was finished, and "
            f"generation {before.number} is still trusted: run authority distrust "
            f"--generation {before.number}, or rotate again if it is generation "
            f"{live.number} that is compromised"
        )
    return Outcome(live, finished_only=True)


@contextmanager
def alone(layout: Layout) -> Iterator[None]:
    """
    Holds an installation against another rotation or start; a killed one lets go.

    Whatever cannot be written inside becomes an `InstallationTrouble`.
    """
    try:
        descriptor = os.open(layout.keys, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        open_installation(layout.base)  # says what is wrong with it
        raise
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise InstallationTrouble(
            f"{layout.base} is being rotated or started: try again"
        ) from exc
    except OSError as exc:
        raise InstallationTrouble(
            f"cannot write to {layout.base}: {exc}. Mend that and run it again"
        ) from exc
    finally:
        os.close(descriptor)
