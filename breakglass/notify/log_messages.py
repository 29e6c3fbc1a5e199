"""What messages about a log itself say. Pure: frozen facts in, text out."""

from dataclasses import dataclass
from datetime import UTC, datetime

from breakglass.notify.lines import line, subject
from breakglass.notify.messages import Text


@dataclass(frozen=True, slots=True)
class LogFacts:
    """How a log stands; `site` is the portal's address without a slash behind."""

    site: str
    tenant: str
    what: str
    since: datetime


def finding(facts: LogFacts) -> Text:
    """Tells the auditors that a check of the log found something wrong."""
    body = [
        f"A check of the log of {facts.tenant} found something wrong.",
        line(facts.what, most=600),
        f"Found: {_at(facts.since)}",
        "",
        "Somebody changed the database behind the log, or a part of it was lost.",
        f"Run: manage.py verify {facts.tenant} --full, with the published checkpoints,",
        "and keep a copy of the database before anything is repaired.",
    ]
    return _text(facts, what="the log does not verify", body=body)


def read_only(facts: LogFacts) -> Text:
    """Tells auditors and admins that nothing is recorded or opened any more."""
    body = [
        f"The log of {facts.tenant} is read-only since {_at(facts.since)}.",
        line(facts.what, most=600),
        "",
        "Gates enforce: no bypass is granted, and none in force lets a deploy through.",
        "Two admins have to re-anchor the log on the page below. Before that, find out",
        "why: a revoked bypass may be open again in the restored data.",
    ]
    return _text(facts, what="the log is read-only, gates enforce", body=body)


def _text(facts: LogFacts, *, what: str, body: list[str]) -> Text:
    path = f"/t/{facts.tenant}/audit"
    return Text(
        subject=subject(f"[{facts.tenant}] {what}"),
        body="\n".join([*body, "", f"Details: {facts.site}{path}"]),
        path=path,
    )


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
