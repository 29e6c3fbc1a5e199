"""What somebody typed into a post-mortem and has not saved: kept for them alone."""

from django.db import transaction

from breakglass import clock
from breakglass.errors import PolicyViolation
from breakglass.models import PostMortemDraft, Tenant, User
from breakglass.services.postmortems import opening
from breakglass.texts import text

DRAFT_MAXIMUM = 400_000


@transaction.atomic
def keep(*, tenant: Tenant, bypass_id: str, person: User, typed: str) -> None:
    """
    Keeps what somebody typed and has not saved, for them alone.

    It is no part of the post-mortem until they save it, so nothing is recorded.
    """
    if len(typed) > DRAFT_MAXIMUM:
        msg = text("this is too long to be kept: save it")
        raise PolicyViolation(msg, field="body")
    postmortem = opening.editable(tenant=tenant, bypass_id=bypass_id, person=person)
    PostMortemDraft.objects.update_or_create(
        postmortem=postmortem,
        person=person,
        defaults={"typed": typed, "kept_at": clock.db_now()},
    )


@transaction.atomic
def drop(*, tenant: Tenant, bypass_id: str, person: User) -> None:
    """Throws away what this person typed and had not saved."""
    postmortem = opening.locked(tenant=tenant, bypass_id=bypass_id)
    postmortem.drafts.filter(person=person).delete()
