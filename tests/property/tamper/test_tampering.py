"""
Thousands of forged archives, and the stand-alone verifier has to find every one.

Which class, which place and which tenant come from a seed; a miss prints it. The
reader has what a careful reader has: the trust note and the checkpoints from outside.
"""

import inspect
import io
import random
import zipfile

import pytest

from tests.property.tamper import evidence_mutators, mutators
from tests.property.tamper.forger import resigned
from tests.standalone import verifier

CHUNK = 100
MUTANTS, SOAK_MUTANTS = 2_000, 20_000
WHOLE = {**mutators.KINDS}
PART = {**mutators.PART_KINDS}


@pytest.fixture(scope="session")
def signatures(worlds):
    """Each tenant's statements, signed for real by people who may not."""
    return [resigned(world) for world in worlds]


def source(seed):
    """Returns a random source that a seed makes again."""
    return random.Random(seed)  # noqa: S311 - repeatable, and guards nothing


def found(files, world):
    """Returns the report of a careful reader."""
    return verifier.verify(files, trust=world.trust, outside=list(world.outside))


def mutant(seed, worlds, signatures):
    """Returns (class, world, files) of one forged archive."""
    rng = source(seed)
    at = rng.randrange(len(worlds))
    world, other = worlds[at], worlds[1 - at]
    is_part = rng.random() < 0.2
    table, files = (PART, world.part) if is_part else (WHOLE, world.files)
    names = sorted(table)
    name = names[seed % len(names)] if rng.random() < 0.9 else rng.choice(names)
    while True:
        extra = (signatures[at],) if _wants_signatures(table[name]) else ()
        forged = table[name](dict(files), rng, other.files, *extra)
        if forged is not None and forged != files:
            return name, world, forged
        name = rng.choice(names)


def _wants_signatures(function):
    return "resigned" in inspect.signature(function).parameters


def hunt(seeds, worlds, signatures):
    """Returns the seeds and classes that were not found."""
    missed = []
    for seed in seeds:
        name, world, forged = mutant(seed, worlds, signatures)
        report = found(forged, world)
        if not report.findings:
            missed.append(f"seed {seed}: {name} in {world.slug}")
    return missed


@pytest.mark.parametrize("start", range(0, MUTANTS, CHUNK))
def test_every_forged_archive_is_found(worlds, signatures, start):
    missed = hunt(range(start, start + CHUNK), worlds, signatures)
    assert missed == [], "\n".join(missed)


@pytest.mark.soak
@pytest.mark.parametrize("start", range(0, SOAK_MUTANTS, 1_000))
def test_every_forged_archive_is_found_in_a_long_hunt(worlds, signatures, start):
    first = 1_000_000 + start
    missed = hunt(range(first, first + 1_000), worlds, signatures)
    assert missed == [], "\n".join(missed)


@pytest.mark.parametrize("name", sorted({*WHOLE, *PART}))
def test_each_class_is_really_forged_and_found(worlds, signatures, name):
    """No class may hide behind the others: each has its own forgeries here."""
    table = WHOLE if name in WHOLE else PART
    forgeries = 0
    for seed in range(60):
        rng = source(seed)
        at = seed % 2
        world = worlds[at]
        files = world.files if table is WHOLE else world.part
        extra = (signatures[at],) if _wants_signatures(table[name]) else ()
        forged = table[name](dict(files), rng, worlds[1 - at].files, *extra)
        if forged is None or forged == files:
            continue
        forgeries += 1
        assert found(forged, world).findings, f"seed {seed} of {name}"
        if forgeries == 3:
            return
    assert forgeries, f"{name} never forged anything"


def test_an_untouched_copy_never_alarms(worlds, tmp_path):
    """However it is packed again: in another order, with another compression."""
    for seed in range(200):
        rng = source(seed)
        world = worlds[seed % 2]
        files = list((world.part if seed % 5 == 0 else world.files).items())
        rng.shuffle(files)
        packed = io.BytesIO()
        how = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
        with zipfile.ZipFile(packed, "w", how) as archive:
            for name, raw in files:
                archive.writestr(name, raw)
        with zipfile.ZipFile(packed) as archive:
            again = verifier.unpacked(archive)
        assert found(again, world).findings == [], f"seed {seed}"


def test_both_modules_entered_their_classes():
    assert len(WHOLE) >= 45
    assert evidence_mutators.take_a_passkey_away is WHOLE["take_a_passkey_away"]
