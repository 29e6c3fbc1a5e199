"""The three database addresses of a demo: embedded, or on a server it was given."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from portal.runtime import private_files, roles
from portal.runtime.postgres import Postgres
from portal.runtime.problems import RuntimeProblem
from portal.runtime.urls import with_account

APP: Final = "DATABASE_URL"
OWNER: Final = "BREAKGLASS_OWNER_DATABASE_URL"
AUTHORITY: Final = "BREAKGLASS_AUTHORITY_DATABASE_URL"
_NOT_FOR_US: Final = {"postgres", "template0", "template1"}


@dataclass(frozen=True, slots=True)
class Databases:
    """Addresses of the app, the owner and the authority."""

    app: str
    owner: str
    authority: str

    def variables(self) -> dict[str, str]:
        """Returns them under the names that the settings read."""
        return {APP: self.app, OWNER: self.owner, AUTHORITY: self.authority}


def embedded(server: Postgres) -> Databases:
    """Prepares the embedded server, which has no passwords, and returns its three."""
    roles.prepare_database(server.url("postgres"))
    return Databases(
        app=server.url(roles.DATABASE, roles.APP_ROLE),
        owner=server.url(roles.DATABASE, roles.OWNER_ROLE),
        authority=server.url(roles.AUTHORITY_DATABASE, roles.AUTHORITY_ROLE),
    )


def given(environ: Mapping[str, str], *, var_dir: Path) -> Databases:
    """
    Prepares a server that was named by DATABASE_URL, and returns its three addresses.

    Alone, DATABASE_URL must be able to make roles and databases. With the owner's URL
    beside it the roles exist already, and DATABASE_URL is the app's.
    """
    if not environ.get(OWNER):
        return _made_by_admin(environ[APP], var_dir=var_dir)
    if not environ.get(AUTHORITY):
        raise RuntimeProblem(
            f"{OWNER} is set, so {AUTHORITY} must be too: the signing authority keeps "
            "its log in a database of its own."
        )
    found = Databases(environ[APP], environ[OWNER], environ[AUTHORITY])
    app = roles.Account.of_url(found.app, variable=APP)
    roles.open_to_app(found.owner, app_role=app.role)
    return found


def _made_by_admin(admin_url: str, *, var_dir: Path) -> Databases:
    named = roles.Account.of_url(admin_url, variable=APP)
    name = roles.DATABASE if named.database in _NOT_FOR_US else named.database
    kept = var_dir / "roles"
    kept.mkdir(mode=0o700, exist_ok=True)
    app, owner, authority = (
        roles.Account(role, database, private_files.secret(kept / role))
        for role, database in (
            (roles.APP_ROLE, name),
            (roles.OWNER_ROLE, name),
            (roles.AUTHORITY_ROLE, roles.AUTHORITY_DATABASE),
        )
    )
    # Ours may not exist yet; "postgres" does on every server.
    reachable = with_account(admin_url, replace(named, database="postgres"))
    roles.prepare_database(reachable, app=app, owner=owner, authority=authority)
    return Databases(
        *(with_account(admin_url, account) for account in (app, owner, authority))
    )
