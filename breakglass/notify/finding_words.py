"""What was found about a gate, in a few words and in a sentence. Pure."""

from collections.abc import Mapping
from typing import Final

from breakglass.rules import gate_health as rules
from breakglass.states import FindingKind
from breakglass.texts import Text as Words
from breakglass.texts import text

SHORT: Final[Mapping[str, str]] = {
    rules.OFTEN: text("bypassed often"),
    rules.REPEATED: text("bypassed again and again for one service"),
    rules.UNUSED: text("bypasses that nobody used"),
    rules.BLAMED: text("blamed by post-mortems"),
    FindingKind.GATE_SILENT: text("silent for too long"),
    FindingKind.DEPLOY_UNDECIDED: text("reported a deploy that never asked"),
    FindingKind.DECISION_STALE: text("a deploy went on without its bypass"),
    FindingKind.CONFIG_CHANGED: text("reports another configuration"),
    FindingKind.WEBHOOK_DEAD: text("a webhook is not taken any more"),
}
# Patterns: what they name is filled in from the finding's details.
LONG: Final[Mapping[str, Words]] = {
    rules.OFTEN: text(
        "%(bypasses)s bypasses in %(days)s days, for %(deploys)s deploys seen"
    ),
    rules.REPEATED: text("%(bypasses)s bypasses for %(service)s in %(days)s days"),
    rules.UNUSED: text(
        "%(unused)s of %(closed)s bypasses in %(days)s days were never used"
    ),
    rules.BLAMED: text(
        "%(blamed)s of %(answered)s post-mortems in %(days)s days blame it"
    ),
    FindingKind.GATE_SILENT: text(
        "no call since %(since)s, though it sent heartbeats; silence counts from "
        "%(minutes)s minutes on"
    ),
    FindingKind.DEPLOY_UNDECIDED: text(
        "it reported %(deploy_id)s as %(said)s, which was never let through"
    ),
    FindingKind.DECISION_STALE: text(
        "it reported %(deploy_id)s as %(said)s, %(minutes)s minutes after the bypass "
        "was over"
    ),
    FindingKind.CONFIG_CHANGED: text(
        "the digest of its configuration was %(before)s and is %(after)s"
    ),
    FindingKind.WEBHOOK_DEAD: text(
        "the webhook %(webhook)s is not told any more what happens at it: %(why)s"
    ),
}
