"""What the demo tells people and programs: `var/demo.json`, and a table of logins."""

from collections.abc import Mapping

Row = Mapping[str, object]


def details(seeded: Row, *, last: Row, env: Mapping[str, str]) -> dict[str, object]:
    """
    Returns the content of `var/demo.json` (design.md section 11).

    A database keeps hashes only, so on data of an earlier run passwords and tokens that
    the seed cannot name again come from that run's file.
    """
    return {
        **seeded,
        "url": env["BREAKGLASS_BASE_URL"],
        "people": _kept(seeded, last, rows="people", key="email", secret="password"),  # noqa: S106  # a field's name
        "gates": _kept(seeded, last, rows="gates", key="slug", secret="token"),  # noqa: S106  # a field's name
        "trust_config": env["BREAKGLASS_TRUST_CONFIG"],
        "database_url": env["DATABASE_URL"],
        "redis_url": env["REDIS_URL"],
    }


def table(found: Row) -> str:
    """Returns the address and the logins, for a terminal."""
    people = _rows(found, "people")
    width = max((len(str(person.get("email", ""))) for person in people), default=0)
    secret = max((len(str(person.get("password", ""))) for person in people), default=0)
    lines = [f"Open {found['url']} and log in as one of:", ""]
    for person in people:
        email, password = person.get("email", ""), person.get("password", "")
        lines.append(
            f"  {email!s:<{width}}  {password!s:<{secret}}  {_listed(person)}".rstrip()
        )
    return "\n".join([*lines, "", ""])


def _listed(person: Row) -> str:
    found = person.get("roles")
    return ", ".join(map(str, found)) if isinstance(found, (list, tuple)) else ""


def _kept(
    seeded: Row, last: Row, *, rows: str, key: str, secret: str
) -> list[dict[str, object]]:
    before = {row.get(key): row.get(secret) for row in _rows(last, rows)}
    return [
        {**row, secret: row.get(secret) or before.get(row.get(key))}
        for row in _rows(seeded, rows)
    ]


def _rows(found: Row, name: str) -> list[Row]:
    listed = found.get(name)
    if not isinstance(listed, list):
        return []
    return [row for row in listed if isinstance(row, Mapping)]
