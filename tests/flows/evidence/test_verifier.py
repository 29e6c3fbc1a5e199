"""The stand-alone verifier on archives that are what they should be."""

import pytest

from tests.standalone import verifier


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("kind", ["files", "part"])
def test_an_archive_as_it_was_made_has_no_finding(worlds, number, kind):
    world = worlds[number]

    report = verifier.verify(
        getattr(world, kind), trust=world.trust, outside=list(world.outside)
    )

    assert report.findings == []
