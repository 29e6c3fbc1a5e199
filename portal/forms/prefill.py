"""What an address fills into the request form, and what of it cannot be used."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from breakglass.errors import InvalidInput
from breakglass.models import BypassRequest, Gate
from breakglass.rules.identifiers import ECHO_MAX, check_identifier, check_url
from breakglass.rules.tiers import Impact
from portal.forms.requests import SCOPE, minutes

# Pipelines use the short names, the form its own; the form's win.
_SHORT: Final = {"incident": "incident_url", "reason": "justification"}
_PLAIN: Final = ("impact", "justification", "incident_url", "ttl", "renews")
_TTL_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Prefill:
    """Values for the form, and a sentence for each part of the link that is amiss."""

    values: dict[str, str]
    remarks: tuple[str, ...]


def read(
    query: Mapping[str, str], *, gates: Iterable[Gate], old: BypassRequest | None = None
) -> Prefill:
    """
    Returns what the address asks for; the request that it follows fills the rest.

    Whatever is malformed is left out and said in words: a link never breaks the page.
    """
    given = {long: query.get(short, "") for short, long in _SHORT.items()}
    names = ("gate", *SCOPE, *_PLAIN)
    given |= {name: query[name] for name in names if query.get(name)}
    found = {name: text for name, text in given.items() if text}
    remarks = []
    if old is None and found.pop("renews", ""):
        remarks.append(_("The request that this one was to follow is not here."))
    for name, remark in _amiss(found, slugs={gate.slug for gate in gates}):
        del found[name]
        remarks.append(remark)
    return Prefill(values={**_of(old), **found}, remarks=tuple(remarks))


def _amiss(found: Mapping[str, str], *, slugs: set[str]) -> list[tuple[str, str]]:
    """Returns the fields that cannot be used as they are, each with its sentence."""
    said = {name: {"value": _echo(text)} for name, text in found.items()}
    amiss = []
    if "gate" in found and found["gate"] not in slugs:
        remark = _(
            "The link names the gate “%(value)s”, which is not one that you may ask "
            "for here. Choose the gate that stopped your deploy."
        )
        amiss.append(("gate", remark % said["gate"]))
    names = {
        "service": _("The link's service “%(value)s” is not a name. Type the service."),
        "branch": _(
            "The link's branch “%(value)s” is not a name, so it was left out. Type it, "
            "or any branch would be covered."
        ),
        "artifact": _(
            "The link's artefact “%(value)s” is not a name, so it was left out. Type "
            "it, or any artefact would be covered."
        ),
    }
    for name, remark in names.items():
        if name in found and not _is_fine(check_identifier, found[name]):
            amiss.append((name, remark % said[name]))
    if "incident_url" in found and not _is_fine(check_url, found["incident_url"]):
        remark = _("The link's incident “%(value)s” is not a web address.")
        amiss.append(("incident_url", remark % said["incident_url"]))
    if "impact" in found and found["impact"] not in set(Impact):
        remark = _("The link's impact “%(value)s” is neither low nor high.")
        amiss.append(("impact", remark % said["impact"]))
    if "ttl" in found and not _is_minutes(found["ttl"]):
        remark = _("The link's time “%(value)s” is not a number of minutes.")
        amiss.append(("ttl", remark % said["ttl"]))
    return amiss


def _of(old: BypassRequest | None) -> dict[str, str]:
    if old is None:
        return {}
    return {
        "gate": old.gate.slug,
        "service": old.service,
        "branch": old.branch,
        "artifact": old.artifact,
        "impact": old.impact,
        "justification": old.justification,
        "incident_url": old.incident_url,
        "ttl": str(minutes(old.ttl)),
        "renews": old.bypass_id,
    }


def _is_fine(check: Callable[..., str], text: str) -> bool:
    try:
        check(text, field="value")
    except InvalidInput:
        return False
    return True


def _is_minutes(text: str) -> bool:
    return (
        text.isascii() and text.isdigit() and len(text) <= _TTL_DIGITS and int(text) > 0
    )


def _echo(text: str) -> str:
    return text if len(text) <= ECHO_MAX else f"{text[: ECHO_MAX - 1]}…"
