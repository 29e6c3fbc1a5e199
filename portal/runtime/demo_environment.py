"""The environment of the demo's processes: what the settings read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from portal.runtime import private_files

_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")


def base_url(*, host: str, port: int) -> str:
    """Returns the address to open; passkeys work for a name, not for a number."""
    shown = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104  # compared, not bound
    return f"http://{shown}:{port}"


def compose(
    environ: Mapping[str, str], *, var_dir: Path, host: str, port: int
) -> dict[str, str]:
    """
    Returns the variables for every child, apart from the servers' addresses.

    What the caller has set stays, so a demo can be tried with settings of one's own.
    """
    hosts = dict.fromkeys((*_HOSTS, *(() if host in {"0.0.0.0", "::"} else (host,))))  # noqa: S104  # compared, not bound
    ours = {
        "DJANGO_SETTINGS_MODULE": "portal.settings.dev",
        "BREAKGLASS_VAR_DIR": str(var_dir),
        "BREAKGLASS_BASE_URL": base_url(host=host, port=port),
        "BREAKGLASS_ALLOWED_HOSTS": ",".join(hosts),
        # A passkey added in the demo approves within the same visit.
        "BREAKGLASS_PASSKEY_COOL_DOWN_MINUTES": "1",
    }
    if not environ.get("BREAKGLASS_SECRET_KEY"):
        ours["BREAKGLASS_SECRET_KEY"] = private_files.secret(var_dir / "secret_key")
    forced = {"PORT": str(port), "PYTHONUNBUFFERED": "1"}
    return {**ours, **environ, **forced}


def authority_variables(folder: Path, *, port: int) -> dict[str, str]:
    """Returns where the embedded authority keeps its files and how it is reached."""
    return {
        "BREAKGLASS_AUTHORITY_DIR": str(folder),
        "BREAKGLASS_AUTHORITY_URL": f"http://127.0.0.1:{port}",
        "BREAKGLASS_TRUST_CONFIG": str(folder / "trust_config.json"),
        "BREAKGLASS_PORTAL_KEY": str(folder / "portal" / "portal_key.pem"),
    }
