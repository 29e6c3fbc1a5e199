"""The archives are built once per process; see tests/worlds.py."""

from tests.worlds import worlds

__all__ = ["worlds"]
