"""What messages about gates say: findings, and the monthly summary. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from breakglass.notify.lines import line, subject
from breakglass.notify.messages import Text
from breakglass.rules import gate_health as rules

_NAME_MAX: Final = 60
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
    gate = line(facts.gate, most=_GATE_MAX)
    return _finding(
        facts, what=f"{gate}: {_short(facts)}", first="A gate needs a look."
    )


def finding_handed_over(facts: FindingFacts) -> Text:
    """Tells somebody that a finding is theirs now."""
    gate = line(facts.gate, most=_GATE_MAX)
    first = "A finding about a gate was handed over to you."
    return _finding(facts, what=f"yours now: {gate}, {_short(facts)}", first=first)


def summary(facts: SummaryFacts) -> Text:
    """Tells who manages the tenant how each gate fared in one month."""
    month = f"{facts.month:%B %Y}"
    bypasses = sum(figures.bypasses for _, figures in facts.gates)
    shown = facts.gates[:_GATES_SHOWN]
    rest = len(facts.gates) - len(shown)
    body = [
        f"The gates of {facts.tenant} in {month}.",
        f"Bypasses: {bypasses}",
        f"Findings open now: {facts.open_findings}",
        "",
        *[part for gate in shown for part in _gate(*gate, facts.scope_repeats)],
        *([f"And {rest} more gates, on the page."] if rest > 0 else []),
        "What the numbers mean stands on the page.",
    ]
    path = f"/t/{facts.tenant}/gates/health"
    return Text(
        subject=subject(f"[{facts.tenant}] gates in {month}: {bypasses} bypasses"),
        body="\n".join([*body, "", f"Details: {facts.site}{path}"]),
        path=path,
    )


def _gate(slug: str, figures: rules.Figures, scope_repeats: int) -> list[str]:
    repeats = rules.repeats_from(repeats=figures.repeats, at_least=scope_repeats)
    blamed = f"{figures.blamed + figures.partly} of {figures.answered}"
    return [
        f"{line(slug, most=_NAME_MAX)}:",
        f"  bypasses: {figures.bypasses}, per 100 deploys: {_rate(figures)}",
        f"  deploys seen: {figures.deploys}",
        f"  services bypassed again and again: {len(repeats)}",
        f"  bypasses that nobody used: {figures.unused} of {figures.closed}",
        f"  post-mortems that blame the gate: {blamed}",
    ]


def _rate(figures: rules.Figures) -> str:
    tenths = figures.tenths_per_100
    return "none seen" if tenths is None else f"{tenths // 10}.{tenths % 10}"


def _finding(facts: FindingFacts, *, what: str, first: str) -> Text:
    owner = line(facts.owner, most=_NAME_MAX) or "nobody: the tenant has no admins"
    path = f"/t/{facts.tenant}/findings/{facts.finding}"
    body = [
        first,
        "",
        f"Gate: {facts.gate}",
        f"Found: {_long(facts)}",
        f"Since: {_at(facts.opened_at)}",
        f"Owner: {owner}",
        "",
        "Mend the gate or its rules, then close the finding with the reason.",
    ]
    return Text(
        subject=subject(f"[{facts.tenant}] finding on {what}"),
        body="\n".join([*body, "", f"Answer it: {facts.site}{path}"]),
        path=path,
    )


_SHORT: Final[Mapping[str, str]] = {
    rules.OFTEN: "bypassed often",
    rules.REPEATED: "bypassed again and again for one service",
    rules.UNUSED: "bypasses that nobody used",
    rules.BLAMED: "blamed by post-mortems",
}
_LONG: Final[Mapping[str, str]] = {
    rules.OFTEN: "{bypasses} bypasses in {days} days, for {deploys} deploys seen",
    rules.REPEATED: "{bypasses} bypasses for {service} in {days} days",
    rules.UNUSED: "{unused} of {closed} bypasses in {days} days were never used",
    rules.BLAMED: "{blamed} of {answered} post-mortems in {days} days blame it",
}


def _short(facts: FindingFacts) -> str:
    return _SHORT.get(facts.kind, facts.kind.replace("_", " "))


def _long(facts: FindingFacts) -> str:
    """A kind that is not known here is told by its facts."""
    known = _LONG.get(facts.kind)
    if known is None:
        return ", ".join(f"{name} {value}" for name, value in facts.details.items())
    return line(known.format_map(facts.details), most=300)


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
