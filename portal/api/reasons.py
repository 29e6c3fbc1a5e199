"""What each reason of a decision means, in one sentence for whoever was stopped."""

from collections.abc import Mapping
from typing import Final

from breakglass.rules.decision import Reason

REASONS: Final[Mapping[Reason, str]] = {
    Reason.GRANT_IN_FORCE: "A bypass covers this deploy. The only one that ships.",
    Reason.NO_GRANT: "No bypass in force covers this scope.",
    Reason.DEPLOY_LIMIT_REACHED: "The bypass has let through as many as it may.",
    Reason.DIGEST_REQUIRED: "The tier wants artifact as sha256: and 64 hex digits.",
    Reason.ASSURANCE_TOO_LOW: (
        "A bypass covers it, signed under the outage fallback: not what you require."
    ),
    Reason.EXPIRED: "This deploy's bypass is over: roll back.",
    Reason.REVOKED: "This deploy's bypass was closed early: roll back.",
    Reason.ENDED: "This deploy has ended: a new one needs a new deploy_id.",
    Reason.CLOSING: "The bypass ends before answers that are kept here would.",
    Reason.NOT_COUNTED: (
        "The bypass lets only so many deploys through, and here none is counted."
    ),
    Reason.DRILL: "A drill: nothing ships.",
    Reason.DEGRADED: "The portal cannot decide safely now.",
}
