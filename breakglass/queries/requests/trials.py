"""What a version of a policy makes of a request: its tier, why, and who decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from breakglass.models import Gate, Policy, Tenant, User
from breakglass.queries import approvers, policies
from breakglass.queries.approvers import GroupNeed
from breakglass.queries.people import passkeys
from breakglass.rules import tiers
from breakglass.rules.approval import Person, count_quorum
from breakglass.rules.scopes import Scope

NAMED: Final = 3
_NOBODY: Final = 0  # no account has this id


@dataclass(frozen=True, slots=True)
class Need:
    """One group that has to approve: who could, those who signed in last first."""

    group: str
    name: str
    count: int
    people: tuple[User, ...]
    missing: int

    @property
    def shown(self) -> tuple[User, ...]:
        """The few whom the preview names."""
        return self.people[:NAMED]

    @property
    def others(self) -> int:
        """How many there are beside those."""
        return max(0, len(self.people) - NAMED)


@dataclass(frozen=True, slots=True)
class Trial:
    """The tier that one version chooses, with its reasons and its approvers."""

    tier: tiers.Tier
    reasons: tuple[str, ...]
    approvers: tuple[Need, ...]
    with_passkey: tuple[User, ...]

    @property
    def lacking(self) -> tuple[Need, ...]:
        """The groups that are too small."""
        return tuple(need for need in self.approvers if need.missing)


def trial(
    *, policy: Policy, gate: Gate, scope: Scope, impact: str, requester: User | None
) -> Trial:
    """
    Returns what this version of the gate's tenant, a draft or not, makes of a request.

    The request form's preview and the admin's "Try it" both ask here. Without a
    requester nobody is left out of the approvers. PolicyViolation for no tiers.
    """
    chosen = tiers.select_tier(
        policy=policies.as_rules(policy=policy),
        target=tiers.Target(
            scope=scope, environment=gate.environment, data_class=gate.data_class
        ),
        impact=tiers.Impact(impact),
    )
    tier = chosen.tier
    needs = approvers.needs(
        tenant=gate.tenant,
        requirements=tier.requirements,
        without=[requester.pk] if requester else [],
    )
    short = shortfall(needs=needs, requester_id=requester.pk if requester else _NOBODY)
    return Trial(
        tier=tier,
        reasons=chosen.reasons,
        approvers=_by_sign_in(needs, short),
        with_passkey=_ready(gate.tenant, needs) if tier.passkey_required else (),
    )


def shortfall(
    *, needs: Sequence[GroupNeed], requester_id: int
) -> tuple[tiers.Requirement, ...]:
    """
    Returns how many people each group lacks for this ever to be approved.

    Counted as the quorum is: somebody in two groups fills one place. Empty when the
    people there are would do. `needs` holds live members without the requester.
    """
    groups: dict[int, set[str]] = {}
    for need in needs:
        for person in need.people:
            groups.setdefault(person.pk, set()).add(need.group)
    everybody = [
        Person(id=pk, groups=frozenset(held), human=True, active=True)
        for pk, held in groups.items()
    ]
    required = [tiers.Requirement(need.group, need.count) for need in needs]
    return count_quorum(
        requirements=required, approvers=everybody, requester_id=requester_id
    ).missing


def _by_sign_in(
    needs: Sequence[GroupNeed], short: Sequence[tiers.Requirement]
) -> tuple[Need, ...]:
    """Whoever signed in last is the likeliest to answer at this hour."""
    missing = {lack.group: lack.count for lack in short}
    return tuple(
        Need(
            group=need.group,
            name=need.name,
            count=need.count,
            people=tuple(sorted(need.people, key=_last_seen, reverse=True)),
            missing=missing.get(need.group, 0),
        )
        for need in needs
    )


def _last_seen(person: User) -> float:
    return person.last_login.timestamp() if person.last_login else 0.0


def _ready(tenant: Tenant, needs: tuple[GroupNeed, ...]) -> tuple[User, ...]:
    """Returns those who are waited for and have a passkey that may approve now."""
    people = {person.pk: person for need in needs for person in need.people}
    return tuple(passkeys.ready(tenant=tenant, users=people.values()))
