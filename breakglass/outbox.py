"""Promises of side effects, written in the transaction that makes them."""

from datetime import datetime

from breakglass.models import OutboxMessage, Tenant, User

GRANT_CLOSED = "grant.closed"
GRANT_ENDING = "grant.ending"
GRANT_ISSUED = "grant.issued"
GRANT_UNVERIFIED = "grant.unverified"
REQUEST_OPENED = "request.opened"
REQUEST_UNANSWERED = "request.unanswered"
REQUEST_REMINDED = "request.reminded"
REQUEST_APPROVED = "request.approved"
REQUEST_REJECTED = "request.rejected"
REQUEST_LAPSED = "request.lapsed"
DEPLOY_REVERTED = "deploy.reverted"
POSTMORTEM_OPENED = "postmortem.opened"
POSTMORTEM_DUE_SOON = "postmortem.due_soon"
POSTMORTEM_OVERDUE = "postmortem.overdue"
FINDING_OPENED = "finding.opened"
FINDING_HANDED_OVER = "finding.handed_over"
HEALTH_SUMMARY = "health.summary"
POSTMORTEM_REMINDER = "postmortem.reminder"
POSTMORTEM_HANDED_OVER = "postmortem.handed_over"
POSTMORTEM_REVIEW_ASKED = "postmortem.review_asked"
POSTMORTEM_REVIEW_ENDED = "postmortem.review_ended"
LOG_FINDING = "log.finding"
LOG_READ_ONLY = "log.read_only"
CREDENTIAL_ENROLLED = "credential.enrolled"
CREDENTIAL_REVOKED = "credential.revoked"
PROFILE_TEST = "profile.test"
LOGIN_PASSWORD_USED = "login.password_used"  # noqa: S105 - a topic, no secret
LOGIN_OWN_PASSWORD_USED = "login.own_password_used"  # noqa: S105 - a topic, no secret
EXPORT_FINISHED = "export.finished"
# Told whatever the state of the log: telling them writes no entry.
NEEDS_NO_LOG = (
    LOG_FINDING,
    LOG_READ_ONLY,
    LOGIN_PASSWORD_USED,
    LOGIN_OWN_PASSWORD_USED,
    EXPORT_FINISHED,
)


def key(*, topic: str, subject_id: int, person: User | None = None) -> str:
    """Returns the name that a promise has: made twice, it is one promise."""
    return f"{topic}:{subject_id}:{person.pk if person else ''}"


def promise(
    *,
    tenant: Tenant,
    topic: str,
    subject_id: int,
    now: datetime,
    due_at: datetime | None = None,
    person: User | None = None,
    occasion: str = "",
) -> None:
    """
    Stores one promise to act on `topic` about `subject_id`, not before `due_at`.

    A worker (or `manage.py drain`) keeps it after the transaction. The same promise
    made twice is one promise: the key is the topic, the subject and the person, and
    the occasion where the same is told more than once.
    """
    name = key(topic=topic, subject_id=subject_id, person=person)
    OutboxMessage.objects.bulk_create(
        [
            OutboxMessage(
                tenant=tenant,
                topic=topic,
                subject_id=subject_id,
                person_id=person.pk if person else None,
                dedupe_key=f"{name}:{occasion}" if occasion else name,
                due_at=due_at or now,
                created_at=now,
            )
        ],
        ignore_conflicts=True,
    )
