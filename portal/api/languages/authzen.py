"""
AuthZEN Authorization API 1.0: one evaluation, and several.

https://openid.net/specs/authorization-api-1_0.html
"""

from collections.abc import Mapping, Sequence
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from pydantic import BaseModel, RootModel

from breakglass.models import Gate
from breakglass.rules.identifiers import IDENTIFIER_MAX
from portal.api.asking import checked, unprocessable
from portal.api.languages.speaking import Decide, Manner, Reply, Value
from portal.api.languages.words import why_not
from portal.api.refusals import Refused
from portal.api.schemas import DecisionQuestion
from portal.api.strict_json import Json, Limits

EVALUATIONS_MAX: Final = 50
ACTION: Final = "deploy"
RESOURCE: Final = "service"

_DEFAULTS: Final = ("subject", "action", "resource", "context")
# Which decision ends the run, by the batch's semantics.
_ENDS: Final[Mapping[str, bool | None]] = {
    "execute_all": None,
    "deny_on_first_deny": False,
    "permit_on_first_permit": True,
}


class Evaluation:
    """May this subject deploy this service? Attributes not listed are left alone."""

    name: Final = "authzen"
    manner: Final = Manner(body=64 * 1024, within=Limits(depth=16))

    def answer(self, value: Value, gate: Gate, decide: Decide) -> Json:
        """Returns the decision, and in its context what stands behind it."""
        asked = _question(value)
        told = decide(asked)
        is_bypass = told.decision == "bypass"
        context: dict[str, Json] = told.model_dump(
            mode="json", exclude={"decision"}, exclude_none=True
        )
        if not is_bypass:
            context["message"] = why_not(gate, asked, told)
        return {"decision": is_bypass, "context": context}

    def refused(self, _value: Value, refusal: Refused) -> Reply | None:
        """Returns a denial that says what is wrong, at the refusal's status."""
        return Reply(_denied(refusal), refusal.status)


class Evaluations(Evaluation):
    """Several, in order; each is a question of its own, recorded by itself."""

    def answer(self, value: Value, gate: Gate, decide: Decide) -> Json:
        """Returns as many as were evaluated; without any it is one evaluation."""
        listed = value.get("evaluations")
        if listed is None or listed == []:
            return super().answer(value, gate, decide)
        ends = _ends(value)
        shared = {name: value[name] for name in _DEFAULTS if name in value}
        found: list[Json] = []
        for one in _evaluations(listed):
            try:
                answer = super().answer({**shared, **one}, gate, decide)
            except Refused as refusal:
                answer = _denied(refusal)
            found.append(answer)
            is_yes = isinstance(answer, dict) and answer["decision"] is True
            if ends is not None and is_yes is ends:
                break
        return {"evaluations": found}


def configuration(_request: HttpRequest) -> BaseModel:
    """Answers where the two are, for clients that find out by themselves."""
    at = f"{settings.BASE_URL}/access/v1"
    return RootModel[dict[str, str]](
        {
            "policy_decision_point": settings.BASE_URL,
            "access_evaluation_endpoint": f"{at}/evaluation",
            "access_evaluations_endpoint": f"{at}/evaluations",
        }
    )


def _question(value: Value) -> DecisionQuestion:
    subject, action = _entity(value, "subject"), _entity(value, "action")
    resource = _entity(value, "resource")
    if action.get("name") != ACTION:
        raise unprocessable(f'action.name must be "{ACTION}"', field="action")
    if resource.get("type") != RESOURCE:
        raise unprocessable(f'resource.type must be "{RESOURCE}"', field="resource")
    asked: dict[str, Json] = {"actor": _actor(subject)}
    if "id" in resource:
        asked["service"] = resource["id"]
    properties = _entity(resource, "properties", optional=True)
    context = _entity(value, "context", optional=True)
    asked |= {n: properties[n] for n in ("branch", "artifact") if n in properties}
    named = ("gate", "deploy_id", "dry_run", "require_assurance")
    asked |= {name: context[name] for name in named if name in context}
    return checked(asked, DecisionQuestion)


def _actor(subject: Value) -> str:
    kind, name = subject.get("type"), subject.get("id")
    if not (isinstance(kind, str) and kind and isinstance(name, str) and name):
        raise unprocessable("subject needs a type and an id", field="subject")
    return f"{kind}:{name}"[:IDENTIFIER_MAX]


def _entity(value: Value, name: str, *, optional: bool = False) -> Value:
    found = value.get(name)
    if found is None and optional:
        return {}
    if not isinstance(found, dict):
        raise unprocessable(f"{name} is missing or no object", field=name)
    return found


def _ends(value: Value) -> bool | None:
    options = _entity(value, "options", optional=True)
    semantic = options.get("evaluations_semantic", "execute_all")
    if not isinstance(semantic, str) or semantic not in _ENDS:
        raise unprocessable("evaluations_semantic is none that we know")
    return _ENDS[semantic]


def _evaluations(listed: Json) -> Sequence[Value]:
    if not isinstance(listed, list):
        raise unprocessable("evaluations is no list", field="evaluations")
    if len(listed) > EVALUATIONS_MAX:
        raise unprocessable(f"there are more than {EVALUATIONS_MAX} evaluations")
    found = [one for one in listed if isinstance(one, dict)]
    if len(found) < len(listed):
        raise unprocessable("an evaluation is no object", field="evaluations")
    return found


def _denied(refusal: Refused) -> Json:
    error: dict[str, Json] = {"status": refusal.status.value, "message": str(refusal)}
    return {"decision": False, "context": {"error": error}}
