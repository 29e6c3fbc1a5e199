"""Database URLs: the same server, with another account."""

from urllib.parse import quote, urlsplit, urlunsplit

from portal.runtime.roles import Account


def with_account(url: str, account: Account) -> str:
    """Returns the URL of the same server for another role, password and database."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    login = quote(account.role, safe="")
    if account.password is not None:
        login += ":" + quote(account.password, safe="")
    path = "/" + quote(account.database, safe="")
    return urlunsplit((parts.scheme, f"{login}@{place}", path, parts.query, ""))
