"""People: make an account, switch it off and on."""

import logging
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import Conflict, InvalidInput
from breakglass.models import User
from breakglass.models.people import UserKind
from breakglass.queries.people import accounts as queries
from breakglass.rules.identifiers import check_text
from breakglass.signing import instance
from breakglass.texts import text

logger = logging.getLogger(__name__)

EMAIL_MAX: Final = 200


@transaction.atomic
def create(
    *,
    email: str,
    name: str,
    password: str | None,
    actor: Actor,
    kind: str = UserKind.HUMAN,
    is_staff: bool = False,
) -> User:
    """
    Adds an account whose e-mail the operator vouches for; returns the user.

    A None password can never log in. The account belongs to no tenant yet, so no
    log records it: giving it a role does. Raises InvalidInput or Conflict.
    """
    try:
        validate_email(email)
        email.encode("ascii")
    except (ValidationError, UnicodeEncodeError) as error:
        msg = text("Enter an e-mail address in plain ASCII, like ana@example.com")
        raise InvalidInput(msg, field="email") from error
    if len(email) > EMAIL_MAX:
        msg = text("email is longer than %(email_max)s characters", email_max=EMAIL_MAX)
        raise InvalidInput(msg, field="email")
    if email.lower() in {one.identity.lower() for one in instance.workloads()}:
        msg = text("This address is the portal's own: its signatures carry it")
        raise InvalidInput(msg, field="email")
    if kind not in UserKind.values:
        msg = text("an account is human or machine")
        raise InvalidInput(msg, field="kind")
    now = clock.db_now()
    try:
        with transaction.atomic():
            made = User.objects.create_user(
                email,
                password,
                name=check_text(name, field="name", minimum=1, maximum=100),
                kind=kind,
                is_staff=is_staff,
                email_verified_at=now,
                date_joined=now,
            )
    except IntegrityError as error:
        msg = text("There is an account with this e-mail already")
        raise Conflict(msg) from error
    logger.info("person.created", extra={"id": str(made.public_id), "by": str(actor)})
    return made


def deactivate(*, user: User, actor: Actor) -> User:
    """Switches an account off: it cannot log in, and is not counted from now on."""
    return _set_active(user=user, actor=actor, is_active=False)


def activate(*, user: User, actor: Actor) -> User:
    """Switches an account on again."""
    return _set_active(user=user, actor=actor, is_active=True)


@transaction.atomic
def _set_active(*, user: User, actor: Actor, is_active: bool) -> User:
    user = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    if user.is_active == is_active:
        state = text("active") if is_active else text("deactivated")
        msg = text("%(user)s is %(state)s already", user=user.name, state=state)
        raise Conflict(msg)
    if user.merged_into is not None:
        msg = text(
            "%(user)s was merged into %(merged_into)s: that one is used",
            user=user.email,
            merged_into=user.merged_into.email,
        )
        raise Conflict(msg)
    user.is_active = is_active
    user.save(update_fields=["is_active"])
    for tenant in queries.tenants_of(user):
        ledger.append(
            tenant=tenant,
            event=events.PERSON_CHANGED,
            actor=actor,
            facts={
                "person": user.email,
                "id": str(user.public_id),
                "is_active": is_active,
            },
        )
    return user
