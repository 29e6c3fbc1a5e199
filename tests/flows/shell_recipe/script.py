"""The recipe's script: where it is, what it shipped, how far it is."""

from pathlib import Path

import pytest

RECIPE = Path(__file__).parents[3] / "docs" / "recipes" / "shell"


def current(target):
    return str((target / "current").readlink())


def read_until(process, words):
    """Reads the script's output up to a line with these words."""
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"never said {words!r}: {process.stderr.read()}")
