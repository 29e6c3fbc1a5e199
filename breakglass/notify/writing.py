"""
How messages are written: what each of them is made of, in the words of its reader.

The parts are texts (`breakglass.texts`): a channel gets them in English, and a person
in the language that is asked for when the message is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.utils import translation

from breakglass.notify.facts import BypassFacts, GrantFacts
from breakglass.notify.lines import line
from breakglass.notify.lines import subject as as_subject
from breakglass.texts import all_of, joined, text, translated

NAME_MAX: Final = 60
_SUBJECT_PART_MAX: Final = 38


@dataclass(frozen=True, slots=True)
class Text:
    """One message's words; `path` is where its link leads, on this portal."""

    headline: str
    body: str
    path: str

    @property
    def subject(self) -> str:
        """The headline as a subject: one line, and not too long for a header."""
        return as_subject(self.headline)

    def spoken(self, language: str) -> "Text":
        """Returns it in a language: plain words, which nothing translates again."""
        with translation.override(language):
            return replace(
                self, headline=translated(self.headline), body=translated(self.body)
            )


def letter(
    *, about: str, what: str, body: Sequence[str], verb: str, site: str, path: str
) -> Text:
    """Returns a message: what happened to what, the body, and the link last."""
    link = text("%(verb)s: %(link)s", verb=verb, link=f"{site}{path}")
    return Text(
        headline=joined([f"[{about}]", what], between=" "),
        body=joined([*body, "", link], between="\n"),
        path=path,
    )


def about_bypass(
    facts: BypassFacts,
    *,
    what: str,
    body: Sequence[str],
    page: str = "requests",
    verb: str = "",
) -> Text:
    """Returns a message about a bypass; its link leads to the request's page."""
    return letter(
        about=facts.tenant,
        what=joined([facts.bypass_id, what], between=" "),
        body=body,
        verb=verb or text("Details"),
        site=facts.site,
        path=f"/t/{facts.tenant}/{page}/{facts.bypass_id}",
    )


def what_of(facts: BypassFacts) -> str:
    """Both names are cut, so that what comes after them still fits a subject."""
    return text(
        "%(service)s on %(gate)s",
        service=line(facts.service, most=_SUBJECT_PART_MAX),
        gate=line(facts.gate, most=_SUBJECT_PART_MAX),
    )


def scope_of(facts: BypassFacts) -> list[str]:
    """Spells out what an empty branch or artefact covers, since that is the risk."""
    return [
        text("Gate: %(gate)s", gate=facts.gate),
        text("Service: %(service)s", service=facts.service),
        text("Branch: %(branch)s", branch=facts.branch)
        if facts.branch
        else text("Branch: any (every branch of %(service)s)", service=facts.service),
        text("Artefact: %(artifact)s", artifact=facts.artifact)
        if facts.artifact
        else text("Artefact: any (every build that asks while the bypass is open)"),
    ]


def needed_by(facts: BypassFacts) -> str:
    """Returns how many of whom are still missing."""
    groups = [
        text(
            "%(count)s from %(group)s",
            count=need.count,
            group=line(need.group, most=NAME_MAX),
        )
        for need in facts.needs
    ]
    return all_of(groups) or text("nobody")


def deploys_of(facts: GrantFacts) -> str:
    """Returns how much went through."""
    return text("Deploys that went through: %(count)s", count=facts.deploys)


def postmortem_of(facts: GrantFacts, *, due: str) -> str:
    """Returns who owes the post-mortem, and when."""
    return text("Post-mortem: %(who)s, due by %(due)s", who=assignee_of(facts), due=due)


def asked_by(facts: BypassFacts) -> str:
    """Returns who asked, as a line."""
    return text("Bypass asked for by: %(who)s", who=requester_of(facts))


def requester_of(facts: BypassFacts) -> str:
    """The name is what people typed; the address behind it is who it is."""
    name = line(facts.requester, most=NAME_MAX)
    return f"{name} ({facts.requester_email})" if name else facts.requester_email


def assignee_of(facts: GrantFacts) -> str:
    """Returns who writes the post-mortem."""
    return line(facts.assignee, most=NAME_MAX)
