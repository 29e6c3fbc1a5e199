"""What messages about gates say: findings, and the monthly summary. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from breakglass.notify import finding_words
from breakglass.notify.lines import line, minute
from breakglass.notify.writing import NAME_MAX, Text, letter
from breakglass.rules import gate_health as rules
from breakglass.texts import Text as Words
from breakglass.texts import plural, text

_GATE_MAX: Final = 38
_GATES_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class FindingFacts:
    """One finding; `site` is the portal's address without a slash behind."""

    site: str
    tenant: str
    gate: str
    finding: str
    kind: str
    owner: str
    opened_at: datetime
    details: rules.Details


@dataclass(frozen=True, slots=True)
class SummaryFacts:
    """One month of a tenant's gates (slug, figures); how many findings are open."""

    site: str
    tenant: str
    month: date
    gates: Sequence[tuple[str, rules.Figures]]
    open_findings: int
    scope_repeats: int


def finding_opened(facts: FindingFacts) -> Text:
    """Tells the owner and the channels what was found, and that it wants an answer."""
    what = text("finding on %(gate)s: %(what)s", **_named(facts))
    return _finding(facts, what=what, first=text("A gate needs a look."))


def finding_handed_over(facts: FindingFacts) -> Text:
    """Tells somebody that a finding is theirs now."""
    what = text("finding on yours now: %(gate)s, %(what)s", **_named(facts))
    first = text("A finding about a gate was handed over to you.")
    return _finding(facts, what=what, first=first)


def summary(facts: SummaryFacts) -> Text:
    """Tells who manages the tenant how each gate fared in one month."""
    month = text(
        "%(month)s %(year)s",
        month=_MONTHS[facts.month.month - 1],
        year=facts.month.year,
    )
    bypasses = sum(figures.bypasses for _, figures in facts.gates)
    shown = facts.gates[:_GATES_SHOWN]
    rest = len(facts.gates) - len(shown)
    more = plural(
        "And %(count)s more gate, on the page.",
        "And %(count)s more gates, on the page.",
        count=rest,
    )
    body = [
        text("The gates of %(tenant)s in %(month)s.", tenant=facts.tenant, month=month),
        text("Bypasses: %(count)s", count=bypasses),
        text("Findings open now: %(count)s", count=facts.open_findings),
        "",
        *[part for gate in shown for part in _gate(*gate, facts.scope_repeats)],
        *([more] if rest > 0 else []),
        text("What the numbers mean stands on the page."),
    ]
    what = plural(
        "gates in %(month)s: %(count)s bypass",
        "gates in %(month)s: %(count)s bypasses",
        count=bypasses,
        month=month,
    )
    return letter(
        about=facts.tenant,
        what=what,
        body=body,
        verb=text("Details"),
        site=facts.site,
        path=f"/t/{facts.tenant}/gates/health",
    )


def _gate(slug: str, figures: rules.Figures, scope_repeats: int) -> list[str]:
    repeats = rules.repeats_from(repeats=figures.repeats, at_least=scope_repeats)
    return [
        f"{line(slug, most=NAME_MAX)}:",
        text(
            "  bypasses: %(count)s, per 100 deploys: %(rate)s",
            count=figures.bypasses,
            rate=_rate(figures),
        ),
        text("  deploys seen: %(count)s", count=figures.deploys),
        text("  services bypassed again and again: %(count)s", count=len(repeats)),
        text(
            "  bypasses that nobody used: %(unused)s of %(closed)s",
            unused=figures.unused,
            closed=figures.closed,
        ),
        text(
            "  post-mortems that blame the gate: %(blamed)s of %(answered)s",
            blamed=figures.blamed + figures.partly,
            answered=figures.answered,
        ),
    ]


def _rate(figures: rules.Figures) -> str:
    tenths = figures.tenths_per_100
    return text("none seen") if tenths is None else f"{tenths // 10}.{tenths % 10}"


def _finding(facts: FindingFacts, *, what: str, first: str) -> Text:
    owner = line(facts.owner, most=NAME_MAX)
    body = [
        first,
        "",
        text("Gate: %(gate)s", gate=facts.gate),
        text("Found: %(what)s", what=_long(facts)),
        text("Since: %(at)s", at=minute(facts.opened_at)),
        text("Owner: %(who)s", who=owner)
        if owner
        else text("Owner: nobody: the tenant has no admins"),
        "",
        text("Mend the gate or its rules, then close the finding with the reason."),
    ]
    return letter(
        about=facts.tenant,
        what=what,
        body=body,
        verb=text("Answer it"),
        site=facts.site,
        path=f"/t/{facts.tenant}/findings/{facts.finding}",
    )


_MONTHS: Final = (
    text("January"),
    text("February"),
    text("March"),
    text("April"),
    text("May"),
    text("June"),
    text("July"),
    text("August"),
    text("September"),
    text("October"),
    text("November"),
    text("December"),
)


def _short(facts: FindingFacts) -> str:
    return finding_words.SHORT.get(facts.kind, facts.kind.replace("_", " "))


def _named(facts: FindingFacts) -> dict[str, str]:
    return {"gate": line(facts.gate, most=_GATE_MAX), "what": _short(facts)}


def _long(facts: FindingFacts) -> str:
    """A kind that is not known here is told by its facts."""
    known = finding_words.LONG.get(facts.kind)
    if known is None:
        return ", ".join(f"{name} {value}" for name, value in facts.details.items())
    details = {
        name: line(str(value), most=200) for name, value in facts.details.items()
    }
    if "since" in details:
        details["since"] = minute(datetime.fromisoformat(details["since"]))
    return Words(known.one, values=details)
