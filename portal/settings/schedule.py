"""How often the clock wakes each sweep, in seconds."""

from datetime import timedelta
from typing import Final

SWEEPS: Final = {
    "expire_grants": 1,
    "revert_deploys": 2,
    "open_postmortems": 2,
    "resume_approvals": 3,
    "sign_statements": 2,
    "countersign_grants": 10,
    "drain_outbox": 2,
    "send_webhooks": 2,
    "check_provenance": 5,
    "seal_logs": 5,
    "make_exports": 2,
    "lapse_requests": 10,
    "remind_overdue": 60,
    "raise_findings": 60,  # looks often; each tenant is judged every ten minutes
    "watch_gates": 15,
    "summarize_gates": 300,
    "refresh_trust": 600,
    "fetch_identity_keys": 10,  # looks often; each issuer is asked every 15 minutes
    "send_checkpoints": 15,
    "guard_logs": 30,
    "check_logs": 60,
    "check_asked_logs": 2,
    "check_logs_fully": 900,  # looks often; each log is verified whole once a day
}
CELERY_BEAT_SCHEDULE: Final = {
    name: {
        "task": f"breakglass.tasks.{name}",
        "schedule": timedelta(seconds=seconds),
        "options": {"expires": max(seconds, 2)},
    }
    for name, seconds in SWEEPS.items()
}
