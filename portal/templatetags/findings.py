"""
Findings about gates in words. `{% load findings %}`

{{ finding|finding_title }}       "bypassed often"
{{ finding|finding_sentence }}    "12 bypasses in 30 days, for 80 deploys seen."
"""

from datetime import datetime
from typing import Final

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from breakglass.models import Finding
from breakglass.states import FindingKind
from portal.templatetags.portal import utc

register = template.Library()

_TITLES: Final[dict[str, Promise]] = {
    FindingKind.BYPASSED_OFTEN: _("bypassed often"),
    FindingKind.SCOPE_REPEATED: _("bypassed again and again for one service"),
    FindingKind.BYPASS_UNUSED: _("bypasses that nobody used"),
    FindingKind.GATE_BLAMED: _("blamed by post-mortems"),
    FindingKind.GATE_SILENT: _("silent for too long"),
    FindingKind.DEPLOY_UNDECIDED: _("reported a deploy that never asked"),
    FindingKind.DECISION_STALE: _("a deploy went on without its bypass"),
    FindingKind.CONFIG_CHANGED: _("reports another configuration"),
    FindingKind.WEBHOOK_DEAD: _("a webhook is not taken any more"),
}
_SENTENCES: Final[dict[str, Promise]] = {
    FindingKind.BYPASSED_OFTEN: _(
        "Bypasses in %(days)s days: %(bypasses)s, for %(deploys)s deploys seen."
    ),
    FindingKind.SCOPE_REPEATED: _(
        "Bypasses for %(service)s in %(days)s days: %(bypasses)s."
    ),
    FindingKind.BYPASS_UNUSED: _(
        "Bypasses in %(days)s days that no deploy used: %(unused)s of %(closed)s."
    ),
    FindingKind.GATE_BLAMED: _(
        "Post-mortems of %(days)s days that blame it: %(blamed)s of %(answered)s."
    ),
    FindingKind.GATE_SILENT: _(
        "No call since %(since)s, though it sent heartbeats: it may be switched off. "
        "Silence counts from %(minutes)s minutes on."
    ),
    FindingKind.DEPLOY_UNDECIDED: _(
        "It reported %(deploy_id)s as %(said)s, and breakglass never let a deploy of "
        "that name through: it may not ask any more before it deploys."
    ),
    FindingKind.DECISION_STALE: _(
        "It reported %(deploy_id)s as %(said)s, %(minutes)s minutes after the bypass "
        "was over: the decision is older than the deploy."
    ),
    FindingKind.CONFIG_CHANGED: _(
        "The digest of its configuration was %(before)s and is %(after)s: somebody "
        "changed what enforces it."
    ),
    FindingKind.WEBHOOK_DEAD: _(
        "The webhook %(webhook)s is not told any more what happens at this gate: "
        "%(why)s."
    ),
}


@register.filter
def finding_title(finding: Finding) -> str:
    """Returns what was found, in a few words; a kind unknown here by its name."""
    return str(_TITLES.get(finding.kind, finding.kind.replace("_", " ")))


@register.filter
def finding_sentence(finding: Finding) -> str:
    """Returns what was seen when it was raised."""
    known = _SENTENCES.get(finding.kind)
    if known is None:
        return ", ".join(f"{name}: {value}" for name, value in finding.facts.items())
    facts = dict(finding.facts)
    if "since" in facts:
        facts["since"] = utc(datetime.fromisoformat(facts["since"]))
    sentence: str = str(known) % facts
    return sentence
