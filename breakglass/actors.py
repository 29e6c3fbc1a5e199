"""Who did it: a person, a gate's token, or the portal itself."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypedDict


class ActorKind(StrEnum):
    """What sort of party an actor is."""

    USER = "user"
    GATE = "gate"
    SYSTEM = "system"


class ActorFacts(TypedDict):
    """An actor as the ledger writes it."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Actor:
    """One party of a change. `name` is what a reader sees in ten years."""

    kind: ActorKind
    id: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    def facts(self) -> ActorFacts:
        """Returns the actor as plain strings, for the ledger."""
        return {"kind": str(self.kind), "id": self.id, "name": self.name}


SCHEDULER: Final = Actor(ActorKind.SYSTEM, "scheduler", "scheduler")
OPERATOR: Final = Actor(ActorKind.SYSTEM, "operator", "operator at the shell")
