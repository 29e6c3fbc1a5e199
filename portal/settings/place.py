"""Where this installation keeps its files, and what it is called."""

from pathlib import Path
from typing import Final

from portal.settings.env import env

BASE_DIR: Final = Path(__file__).resolve().parents[2]
VAR_DIR: Final = Path(env.str("BREAKGLASS_VAR_DIR", str(BASE_DIR / "var")))
LOCALE_DIR: Final = BASE_DIR / "locale"
LOCALE_BUILD: Final = Path(env.str("BREAKGLASS_LOCALE_DIR", str(VAR_DIR / "locale")))
SITE: str = env.str("BREAKGLASS_SITE", "breakglass.internal")
