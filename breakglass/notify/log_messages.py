"""What messages about a log itself say. Pure: frozen facts in, text out."""

from dataclasses import dataclass
from datetime import datetime

from breakglass.notify.lines import line, minute
from breakglass.notify.writing import Text, letter
from breakglass.texts import text


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
        text(
            "A check of the log of %(tenant)s found something wrong.",
            tenant=facts.tenant,
        ),
        line(facts.what, most=600),
        text("Found: %(at)s", at=minute(facts.since)),
        "",
        text(
            "Somebody changed the database behind the log, or a part of it was lost.\n"
            "Run: manage.py verify %(tenant)s --full, with the published "
            "checkpoints,\n"
            "and keep a copy of the database before anything is repaired.",
            tenant=facts.tenant,
        ),
    ]
    return _letter(facts, what=text("the log does not verify"), body=body)


def read_only(facts: LogFacts) -> Text:
    """Tells auditors and admins that nothing is recorded or opened any more."""
    body = [
        text(
            "The log of %(tenant)s is read-only since %(at)s.",
            tenant=facts.tenant,
            at=minute(facts.since),
        ),
        line(facts.what, most=600),
        "",
        text(
            "Gates enforce: no bypass is granted, and none in force lets a deploy "
            "through.\n"
            "Two admins have to re-anchor the log on the page below. Before that, find "
            "out\n"
            "why: a revoked bypass may be open again in the restored data."
        ),
    ]
    what = text("the log is read-only, gates enforce")
    return _letter(facts, what=what, body=body)


def _letter(facts: LogFacts, *, what: str, body: list[str]) -> Text:
    return letter(
        about=facts.tenant,
        what=what,
        body=body,
        verb=text("Details"),
        site=facts.site,
        path=f"/t/{facts.tenant}/audit",
    )
