"""What a grant covers, and how a policy's patterns match (security.md T9, I-20)."""

from dataclasses import dataclass
from typing import Final

_STAR: Final = "*"
_SLASH: Final = "/"


@dataclass(frozen=True, slots=True)
class Scope:
    """
    One gate, one service, and perhaps one branch and artefact.

    In a request or grant an empty branch or artefact means any.
    """

    gate: str
    service: str
    branch: str
    artifact: str


def covers(*, granted: Scope, asked: Scope) -> bool:
    """
    Says whether a grant for `granted` answers a question about `asked`.

    Every part is compared exactly, by case. An empty branch or artefact of the
    grant means any; the gate and the service are never empty. A question that
    leaves out what the grant pins down is not covered.
    """
    if not granted.gate or not granted.service:
        return False
    return (
        granted.gate == asked.gate
        and granted.service == asked.service
        and granted.branch in ("", asked.branch)
        and granted.artifact in ("", asked.artifact)
    )


def match_glob(*, pattern: str, value: str) -> bool:
    """
    Says whether `pattern` matches all of `value`, `/` segment by segment.

    `*` stands for any run of characters (also none) inside one segment; it never
    crosses `/`, so both need equally many segments. All else is compared exactly;
    what is not ASCII never matches. No regex (security.md T26): at most
    `len(pattern) * len(value)` steps whatever the pattern.
    """
    if not value.isascii():
        return False
    at = seen = 0
    star = mark = -1  # where the last star stands, and how far it ate
    while seen < len(value):
        wanted = pattern[at] if at < len(pattern) else ""
        found = value[seen]
        if wanted == _STAR:
            star, mark = at, seen
            at += 1
        elif wanted == found:
            at += 1
            seen += 1
        elif star >= 0 and value[mark] != _SLASH:
            mark += 1
            at, seen = star + 1, mark
        else:
            return False
    while at < len(pattern) and pattern[at] == _STAR:
        at += 1
    return at == len(pattern)
