"""Two admins for a policy version: one proposes the draft, another one confirms it."""

from hashlib import sha256

from django.db import transaction

from breakglass import clock
from breakglass.audit import chain, events, ledger
from breakglass.errors import Conflict, NotPermitted
from breakglass.models import Policy, Tenant, User
from breakglass.queries import access
from breakglass.services.tenancy import policies
from breakglass.texts import text


def digest_of(*, policy: Policy) -> bytes:
    """Returns the digest of a draft as it is now: its number, tiers and note."""
    _version, document = policies.next_document(policy=policy)
    whole: dict[str, chain.Fact] = {"note": policy.note, "policy": document}
    return sha256(chain.canonical(whole)).digest()


def stands(*, policy: Policy) -> bool:
    """
    Says whether the draft was proposed, and is still what was proposed.

    A changed draft voids its proposal, and so does a proposer who is no admin any more.
    """
    proposer = policy.proposed_by
    return (
        proposer is not None
        and bytes(policy.proposed_digest or b"") == digest_of(policy=policy)
        and access.may(user=proposer, permission="manage_tenant", on=policy.tenant)
    )


@transaction.atomic
def propose(*, policy_id: int, person: User) -> Policy:
    """
    Stores that this admin proposes the draft as it is now, on record.

    A new proposal takes the place of the one before. Raises PolicyViolation with the
    errors that `policies.check` finds, Conflict when it is published or needs no second
    admin, NotPermitted for who may not manage the tenant.
    """
    policy, tenant = policies.lock_draft(policy_id)
    if not tenant.policy_needs_second_admin:
        msg = text("one admin is enough here: publish the draft")
        raise Conflict(msg)
    _require_admin(person, tenant)
    policies.require_sound(policy=policy)
    version, document = policies.next_document(policy=policy)
    policy.proposed_at = clock.db_now()
    policy.proposed_by = person
    policy.proposed_digest = digest_of(policy=policy)
    policy.save(update_fields=["proposed_at", "proposed_by", "proposed_digest"])
    ledger.append(
        tenant=tenant,
        event=events.POLICY_PROPOSED,
        actor=person.as_actor(),
        facts={
            "version": version,
            "digest": sha256(chain.canonical(document)).hexdigest(),
            "note": policy.note,
        },
    )
    return policy


@transaction.atomic
def confirm(*, policy_id: int, person: User, digest: str) -> Policy:
    """
    Publishes what another admin proposed; `digest` is what this one has looked at.

    Raises Conflict when there is no proposal, the draft was changed since, or it is
    published; NotPermitted for the proposer and for who may not manage the tenant.
    """
    policy, tenant = policies.lock_draft(policy_id)
    if policy.proposed_by is None:
        msg = text("nobody has proposed this draft yet")
        raise Conflict(msg)
    _require_admin(person, tenant)
    if policy.proposed_by.pk == person.pk:
        msg = text("you proposed this version, so another admin has to confirm it")
        raise NotPermitted(msg)
    if not stands(policy=policy) or digest_of(policy=policy).hex() != digest:
        msg = text(
            "the draft is not what was proposed any more: look at it and propose it "
            "again"
        )
        raise Conflict(msg)
    return policies.put_in_force(policy=policy, actor=person.as_actor())


def _require_admin(person: User, tenant: Tenant) -> None:
    if not access.may(user=person, permission="manage_tenant", on=tenant):
        msg = text("only an admin of %(tenant)s may do this", tenant=tenant.name)
        raise NotPermitted(msg)
