"""
The one reader of environment variables: typed, and NAME_FILE for secrets.

Not eager, so that `env.seal()` at the end of each settings module lists every
missing or malformed variable at once.
"""

from typing import Final

from environs import FileAwareEnv

env: Final = FileAwareEnv(eager=False)
