"""What messages about a log itself say. Pure: frozen facts in, text out."""

from dataclasses import dataclass
from datetime import datetime

from breakglass.notify.lines import line, minute, quote
from breakglass.notify.writing import Text, letter
from breakglass.texts import text


@dataclass(frozen=True, slots=True)
class LogFacts:
    """How a log stands; `site` is the portal's address without a slash behind."""

    site: str
    tenant: str
    what: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """An export of evidence: of one bypass, of a filter's part, or of the whole log."""

    site: str
    tenant: str
    bypass_id: str
    is_part: bool
    reason: str
    asked_at: datetime


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


def export_ready(facts: ExportFacts, *, until: datetime) -> Text:
    """Tells who asked for an export that it is there to take."""
    body = [
        *_asked(facts),
        text("Ready until: %(at)s", at=minute(until)),
        "",
        text("It is on the page below. Whoever takes it has to sign in."),
    ]
    return _about_export(facts, what=text("your export is ready"), body=body)


def export_failed(facts: ExportFacts, *, why: str) -> Text:
    """Tells who asked for an export that there will be none."""
    body = [
        *_asked(facts),
        text("It could not be made:"),
        quote(why),
        "",
        text("Ask for it again on the page below."),
    ]
    return _about_export(facts, what=text("your export failed"), body=body)


def _asked(facts: ExportFacts) -> list[str]:
    of_what = text("Of: a part of the log") if facts.is_part else text("Of: the log")
    if facts.bypass_id:
        of_what = text("Of: %(bypass)s", bypass=facts.bypass_id)
    return [
        text("You asked for an export at %(at)s.", at=minute(facts.asked_at)),
        of_what,
        text("Your reason:"),
        quote(facts.reason),
    ]


def _about_export(facts: ExportFacts, *, what: str, body: list[str]) -> Text:
    return letter(
        about=facts.tenant,
        what=what,
        body=body,
        verb=text("Exports"),
        site=facts.site,
        path=f"/t/{facts.tenant}/audit/export",
    )


def _letter(facts: LogFacts, *, what: str, body: list[str]) -> Text:
    return letter(
        about=facts.tenant,
        what=what,
        body=body,
        verb=text("Details"),
        site=facts.site,
        path=f"/t/{facts.tenant}/audit",
    )
