"""
The database roles: the owner migrates, the app works and cannot rewrite the ledger.

Rights come as *default privileges*, before the first migration: a new table is open to
the app until its own migration takes rights away (the ledger's does). Nothing here
ever grants on a table that exists, because that would undo those migrations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from portal.runtime.problems import RuntimeProblem

APP_ROLE: Final = "breakglass_app"
OWNER_ROLE: Final = "breakglass_owner"
AUTHORITY_ROLE: Final = "breakglass_authority"
DATABASE: Final = "breakglass"
AUTHORITY_DATABASE: Final = "breakglass_authority"

# A hung query, a forgotten lock or a stuck transaction must not hold the door shut.
APP_LIMITS: Final[Mapping[str, str]] = {
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
}

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Account:
    """Who connects to which database, with which password if it needs one."""

    role: str
    database: str
    password: str | None = None

    @classmethod
    def of_url(cls, url: str, *, variable: str) -> Self:
        """Reads an account from a database URL; names the variable if it cannot."""
        parts = _parsed(url, variable=variable)
        role, database = parts.get("user"), parts.get("dbname")
        if not role or not database:
            raise RuntimeProblem(
                f"{variable} must name a user and a database: "
                "postgresql://user:password@host/database"
            )
        password = parts.get("password")
        return cls(str(role), str(database), str(password) if password else None)


def prepare_database(
    superuser_url: str,
    *,
    app: Account | None = None,
    owner: Account | None = None,
    authority: Account | None = None,
) -> None:
    """
    Makes roles and databases; doing it again changes nothing and sets the passwords.

    `superuser_url` may be any role that can create roles and databases. Raises
    RuntimeProblem when the server refuses, or when the database was migrated before
    its roles were prepared.
    """
    app = app or Account(APP_ROLE, DATABASE)
    owner = owner or Account(OWNER_ROLE, app.database)
    authority = authority or Account(AUTHORITY_ROLE, AUTHORITY_DATABASE)
    _require_apart(app, owner, authority)
    try:
        with psycopg.connect(superuser_url, autocommit=True) as server:
            for account in (owner, app, authority):
                _make_role(server, account)
            _limit(server, app.role)
            _join(server, (owner.role, authority.role))
            _make_database(server, owner.database, owner=owner.role)
            _make_database(server, authority.database, owner=authority.role)
            _let_connect(server, owner.database, (owner.role, app.role))
            _let_connect(server, authority.database, (authority.role,))
        inside = make_conninfo(superuser_url, dbname=owner.database)
        with psycopg.connect(inside) as database:
            _open_to_app(database, app=app.role, owner=owner.role)
    except psycopg.Error as exc:
        raise RuntimeProblem(
            f"The database could not be prepared: {_said(exc)}"
        ) from exc


def open_to_app(owner_url: str, *, app_role: str = APP_ROLE) -> None:
    """
    Gives the app's role its rights in a database that the owner brought along.

    For servers on which an administrator made the roles and the database by hand: the
    owner's own rights are enough.
    """
    owner = Account.of_url(owner_url, variable="BREAKGLASS_OWNER_DATABASE_URL")
    try:
        with psycopg.connect(owner_url) as database:
            _open_to_app(database, app=app_role, owner=owner.role)
    except psycopg.Error as exc:
        raise RuntimeProblem(
            f"The database could not be prepared: {_said(exc)}"
        ) from exc


def _require_apart(app: Account, owner: Account, authority: Account) -> None:
    if app.database != owner.database:
        raise RuntimeProblem(
            "DATABASE_URL and BREAKGLASS_OWNER_DATABASE_URL name different databases: "
            f"{app.database} and {owner.database}."
        )
    if len({app.role, owner.role, authority.role}) != len((app, owner, authority)):
        raise RuntimeProblem(
            "The app, the owner and the authority need three different roles: the app "
            "must not own the tables that it may not rewrite."
        )


def _make_role(server: Connection, account: Account) -> None:
    role = sql.Identifier(account.role)
    known = server.execute(
        "SELECT rolsuper FROM pg_roles WHERE rolname = %s", [account.role]
    ).fetchone()
    if known is None:
        server.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    elif known[0]:
        raise RuntimeProblem(
            f"The role {account.role} is a superuser, whom no right binds: use another."
        )
    if account.password is not None:
        # Hashed here, so that the password itself never reaches the server's log.
        hashed = server.pgconn.encrypt_password(
            account.password.encode(), account.role.encode(), b"scram-sha-256"
        ).decode()
        server.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(hashed))
        )


def _join(server: Connection, roles: tuple[str, ...]) -> None:
    """Makes a creator of roles a member of them, to hand databases over to them."""
    me = server.execute(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    if me is not None and me[0]:
        return  # a superuser needs no membership
    for role in roles:
        server.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))


def _limit(server: Connection, role: str) -> None:
    for setting, value in APP_LIMITS.items():
        server.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(
                sql.Identifier(role), sql.Identifier(setting), sql.Literal(value)
            )
        )


def _make_database(server: Connection, name: str, *, owner: str) -> None:
    found = server.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [name]
    ).fetchone()
    if found is None:
        server.execute(
            sql.SQL(
                "CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0"
            ).format(sql.Identifier(name), sql.Identifier(owner))
        )
    elif found[0] != owner:
        raise RuntimeProblem(
            f"The database {name} belongs to {found[0]}, not to {owner}: hand it over "
            f"(ALTER DATABASE {name} OWNER TO {owner}), or name another."
        )


def _let_connect(server: Connection, name: str, roles: tuple[str, ...]) -> None:
    database = sql.Identifier(name)
    server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    for role in roles:
        server.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                database, sql.Identifier(role)
            )
        )


def _open_to_app(database: Connection, *, app: str, owner: str) -> None:
    _require_prepared_first(database, app=app, owner=owner)
    names = {"app": sql.Identifier(app), "owner": sql.Identifier(owner)}
    default = "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT "
    for statement in (
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {app}",
        default + "SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
        default + "USAGE ON SEQUENCES TO {app}",
        default + "EXECUTE ON FUNCTIONS TO {app}",
    ):
        database.execute(sql.SQL(statement).format(**names))


def _require_prepared_first(database: Connection, *, app: str, owner: str) -> None:
    """Refuses a database whose tables are closed to the app: migrated too early."""
    closed = database.execute(
        """
        SELECT count(*) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
          AND pg_get_userbyid(relowner) = %(owner)s
          AND NOT has_table_privilege(%(app)s, oid, 'SELECT')
        """,
        {"app": app, "owner": owner},
    ).fetchone()
    if closed is not None and closed[0]:
        raise RuntimeProblem(
            f"{closed[0]} tables are closed to {app}: the database was migrated before "
            "its roles were prepared. Start from an empty database, or grant the app "
            "its rights by hand as docs/operations.md says."
        )


def _parsed(url: str, *, variable: str) -> dict[str, object]:
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.Error as exc:
        raise RuntimeProblem(
            f"{variable} is not a PostgreSQL URL: {_said(exc)}"
        ) from exc


def _said(exc: psycopg.Error) -> str:
    """Returns the server's first line; the rest is hints and the statement."""
    return next(iter(str(exc).strip().splitlines()), type(exc).__name__)
