"""Tenants: create one that is ready for its first request, change it."""

import re
from typing import Final

from django.db import IntegrityError, transaction

from breakglass import clock
from breakglass.actors import Actor
from breakglass.audit import events, ledger
from breakglass.errors import Conflict, InvalidInput
from breakglass.models import (
    PostMortemTemplate,
    Requirement,
    RoleGroup,
    Tenant,
    Tier,
)
from breakglass.models.tenants import EMERGENCY_TEXT_MAXIMUM
from breakglass.rules.identifiers import check_text
from breakglass.services.people import roles
from breakglass.services.tenancy import policies
from breakglass.services.tenancy.defaults import (
    POSTMORTEM_HEADINGS,
    POSTMORTEM_TEMPLATE,
    ROLES,
    TIERS,
)
from breakglass.texts import text

_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")  # as the table's constraint


@transaction.atomic
def create(*, slug: str, name: str, actor: Actor) -> Tenant:
    """
    Makes a tenant with the shipped roles, policy version 1 and template.

    Raises Conflict when the slug is taken, InvalidInput when it is malformed.
    """
    if _SLUG.fullmatch(slug) is None:
        msg = text(
            "use 1 to 50 lower-case letters, digits and hyphens, no hyphen first"
        )
        raise InvalidInput(msg, field="slug")
    now = clock.db_now()
    try:
        with transaction.atomic():
            tenant = Tenant.objects.create(
                slug=slug,
                name=check_text(name, field="name", minimum=1, maximum=100),
                created_at=now,
            )
    except IntegrityError as error:
        msg = text("there is a tenant %(slug)s already", slug=slug)
        raise Conflict(msg) from error
    ledger.append(
        tenant=tenant,
        event=events.TENANT_CREATED,
        actor=actor,
        facts={"slug": slug, "name": tenant.name},
    )
    for role in ROLES:
        roles.create(tenant=tenant, actor=actor, **role)
    set_template(
        tenant=tenant,
        actor=actor,
        body=POSTMORTEM_TEMPLATE,
        required_headings=POSTMORTEM_HEADINGS,
    )
    draft = policies.new_draft(tenant=tenant, author=None)
    groups = {role.slug: role for role in RoleGroup.objects.filter(tenant=tenant)}
    for position, shipped in enumerate(TIERS, start=1):
        tier = Tier.objects.create(policy=draft, position=position, **shipped.fields)
        Requirement.objects.bulk_create(
            Requirement(tier=tier, group=groups[group], count=count)
            for group, count in shipped.requirements
        )
    policies.publish(policy_id=draft.pk, actor=actor)
    return tenant


@transaction.atomic
def change(
    *,
    tenant: Tenant,
    actor: Actor,
    name: str,
    is_active: bool,
    emergency_text: str | None = None,
    policy_needs_second_admin: bool | None = None,
) -> Tenant:
    """
    Renames a tenant, or switches it off: nobody sees it, no gate is answered.

    `emergency_text` is what a person reads whom the portal cannot help; None leaves
    it as it is. A new one goes on record word for word: who was sent where, since when.
    `policy_needs_second_admin` is whether a second admin confirms policies; None leaves
    that as it is as well.
    Raises InvalidInput for a name or text that is too long or holds hidden characters.
    """
    tenant = Tenant.objects.select_for_update(of=("self",), no_key=True).get(
        pk=tenant.pk
    )
    tenant.name = check_text(name, field="name", minimum=1, maximum=100)
    tenant.is_active = is_active
    facts: dict[str, str | bool] = {"name": tenant.name, "is_active": is_active}
    if emergency_text is not None:
        text = check_text(
            emergency_text,
            field="emergency_text",
            minimum=0,
            maximum=EMERGENCY_TEXT_MAXIMUM,
        )
        if text != tenant.emergency_text:
            tenant.emergency_text = facts["emergency_text"] = text
    needed = policy_needs_second_admin
    if needed is not None and needed != tenant.policy_needs_second_admin:
        tenant.policy_needs_second_admin = facts["policy_needs_second_admin"] = needed
    tenant.save(
        update_fields=[
            *("name", "is_active", "emergency_text", "policy_needs_second_admin")
        ]
    )
    ledger.append(tenant=tenant, event=events.TENANT_CHANGED, actor=actor, facts=facts)
    return tenant


@transaction.atomic
def set_template(
    *, tenant: Tenant, actor: Actor, body: str, required_headings: str
) -> PostMortemTemplate:
    """Stores the tenant's post-mortem template; grants from now on use it."""
    template, _ = PostMortemTemplate.objects.update_or_create(
        tenant=tenant,
        defaults={
            "body": check_text(body, field="body", minimum=1, maximum=50_000),
            "required_headings": check_text(
                required_headings, field="required_headings", minimum=0, maximum=2000
            ),
            "updated_at": clock.db_now(),
        },
    )
    ledger.append(
        tenant=tenant,
        event=events.TEMPLATE_CHANGED,
        actor=actor,
        facts={"required_headings": list(template.required_headings.split("\n"))},
    )
    return template
