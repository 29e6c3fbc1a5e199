"""Who is told of a person's own account: its passkeys, and a sign-in by password."""

from datetime import UTC, datetime, timedelta

from django.conf import settings

from breakglass.models import User
from breakglass.notify import accounts
from breakglass.notify.facts import PasswordUsedFacts
from breakglass.queries import messages as rows
from breakglass.services.telling.planned import Due, Plan


def credential_enrolled(due: Due) -> Plan | None:
    """Tells its owner, who may not be who added it; not once it is removed again."""
    facts = rows.credential_facts(pk=due.subject_id)
    if facts.revoked_at is not None:
        return None
    owner = User.objects.get(pk=due.person_id)
    return Plan(text=accounts.credential_enrolled(facts), people=[owner])


def credential_revoked(due: Due) -> Plan | None:
    """Tells its owner."""
    facts = rows.credential_facts(pk=due.subject_id)
    owner = User.objects.get(pk=due.person_id)
    return Plan(text=accounts.credential_revoked(facts), people=[owner])


def password_used(due: Due) -> Plan | None:
    """Tells the tenant's managers; who signed in has a message of their own."""
    person = User.objects.get(pk=due.person_id)
    managers = rows.managers_of(tenant=due.tenant)
    return Plan(
        text=accounts.password_used(_password_used(due, person)),
        people=[one for one in managers if one != person],
    )


def own_password_used(due: Due) -> Plan | None:
    """Tells who signed in, by a way that a thief of the password does not hold."""
    person = User.objects.get(pk=due.person_id)
    text = accounts.own_password_used(_password_used(due, person))
    return Plan(text=text, people=[person])


def test(due: Due) -> Plan | None:
    """Whoever asked for a message to themselves; nobody else."""
    owner = User.objects.get(pk=due.person_id)
    return Plan(text=accounts.test(site=settings.BASE_URL), people=[owner])


def _password_used(due: Due, person: User) -> PasswordUsedFacts:
    """The subject of such a message is the sign-in's moment, in microseconds."""
    since = datetime(1970, 1, 1, tzinfo=UTC)
    return PasswordUsedFacts(
        site=settings.BASE_URL,
        tenant=due.tenant.slug,
        name=person.name,
        email=person.email,
        at=since + timedelta(microseconds=due.subject_id),
    )
