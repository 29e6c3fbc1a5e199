"""
What must be true, in plain Python: its own quorum, window and scope, no service's.

Quorum is tried by brute force over who sits where, the window by comparing numbers.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import permutations


@dataclass
class Rung:
    """One tier as it is published: who must approve, and for how long at most."""

    needs: dict[str, int]
    ttls: tuple[int, ...] = (900, 3600, 14400)
    max_deploys: int | None = None
    max_active: int | None = None

    @property
    def slots(self):
        return [group for group, count in self.needs.items() for _ in range(count)]


@dataclass
class Asked:
    """A request, and what the machine knows about it."""

    bypass_id: str
    gate: str
    service: str
    requester: str
    tier: str
    pinned: Rung
    ttl: int
    lapses_at: object
    state: str = "pending"
    yes: dict[str, int] = field(default_factory=dict)


@dataclass
class Granted:
    """A grant: its window as it was first seen, which never moves."""

    asked: Asked
    starts_at: object
    expires_at: object
    max_deploys: int | None
    state: str = "active"
    deploys: set[str] = field(default_factory=set)

    def in_force(self, now):
        return self.state == "active" and self.starts_at <= now < self.expires_at


@dataclass
class World:
    """People, roles, policy, requests and grants, as the rules went by in our hands."""

    groups: dict[str, set[str]]
    rungs: dict[str, Rung]
    inactive: set[str] = field(default_factory=set)
    machines: set[str] = field(default_factory=set)
    asked: dict[str, Asked] = field(default_factory=dict)
    granted: dict[str, Granted] = field(default_factory=dict)

    def can_fill(self, person, group):
        return (
            person in self.groups[group]
            and person not in self.inactive
            and person not in self.machines
        )

    def met(self, rung, people):
        """Whether these people can sit in all slots at once, one each."""
        slots = rung.slots
        seats = permutations(sorted(people), len(slots))
        return bool(slots) and any(
            all(self.can_fill(p, slot) for p, slot in zip(row, slots, strict=True))
            for row in seats
        )

    def both(self, asked):
        """The pinned and the current rung: the stricter of two is both."""
        return asked.pinned, self.rungs[asked.tier]

    def quorum(self, asked):
        people = set(asked.yes) - {asked.requester}
        return all(self.met(rung, people) for rung in self.both(asked))

    def may_decide(self, asked, person):
        """Whether this person's yes or no can count at all, right now."""
        return (
            person != asked.requester
            and person not in asked.yes
            and any(
                self.can_fill(person, group)
                for rung in self.both(asked)
                for group in rung.needs
            )
        )

    def ttl(self, asked):
        """The shortest of what was proposed, approved, and offered by both."""
        caps = [max(rung.ttls) for rung in self.both(asked)]
        return timedelta(seconds=min([asked.ttl, *asked.yes.values(), *caps]))

    def max_deploys(self, asked):
        limits = [r.max_deploys for r in self.both(asked) if r.max_deploys is not None]
        return min(limits, default=None)

    def has_room(self, asked, now):
        limits = [r.max_active for r in self.both(asked) if r.max_active is not None]
        active = [
            grant
            for grant in self.granted.values()
            if grant.in_force(now)
            and (grant.asked.gate, grant.asked.service) == (asked.gate, asked.service)
        ]
        return len(active) < min(limits, default=1_000_000)

    def covering(self, gate, service, now):
        """What may let a new deploy of this scope through."""
        return [
            grant
            for grant in self.granted.values()
            if grant.in_force(now)
            and (grant.asked.gate, grant.asked.service) == (gate, service)
            and (grant.max_deploys is None or len(grant.deploys) < grant.max_deploys)
        ]
