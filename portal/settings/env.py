"""
The one reader of environment variables: typed, and NAME_FILE for secrets.

Not eager, so that `env.seal()` at the end of each settings module lists every
missing or malformed variable at once.
"""

from typing import Final

from environs import FileAwareEnv, ValidationError

env: Final = FileAwareEnv(eager=False)


def pairs_of_identity_and_issuer(values: list[str]) -> None:
    """Raises ValidationError unless each item is two words: identity, issuer."""
    if any(len(value.split()) != 2 for value in values):  # noqa: PLR2004 - a pair
        msg = "give each as IDENTITY ISSUER with a blank between, comma-separated"
        raise ValidationError(msg)
