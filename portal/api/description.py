"""The OpenAPI 3.1 description, made from the schemas that also check the bodies."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from portal.api import examples, fields, schemas
from portal.api.languages import described
from portal.api.schemas import Wire
from portal.api.strict_json import Json

TITLE: Final = "breakglass"
VERSION: Final = "1.0.0"

_REF: Final = "#/components/schemas/{model}"
_ALWAYS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.LENGTH_REQUIRED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_MEANS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "The body did not arrive, or its length is no number.",
    HTTPStatus.UNAUTHORIZED: "No token, or none that is valid.",
    HTTPStatus.FORBIDDEN: "The body names another gate than the token's.",
    HTTPStatus.NOT_FOUND: "This gate has not asked about a deploy of that ID.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Another method is meant; see Allow.",
    HTTPStatus.CONFLICT: "The deploy was reverted, or ended otherwise.",
    HTTPStatus.LENGTH_REQUIRED: "The body has no stated length.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than 4096 bytes.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not application/json.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The body is malformed; the field is named.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The portal failed.",
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "The database does not answer: ask again. Or no receipt can be signed here."
    ),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One call, as its reader needs to know it."""

    method: str
    path: str
    name: str
    summary: str
    told: str
    asked: type[Wire]
    answered: type[Wire]
    asks: Json
    answers: Mapping[str, Json]
    also: tuple[HTTPStatus, ...] = ()

    @property
    def refusals(self) -> dict[HTTPStatus, str]:
        """Every refusal of this call, with what it means."""
        return {status: _MEANS[status] for status in sorted({*_ALWAYS, *self.also})}


OPERATIONS: Final = (
    Operation(
        method="post",
        path="/api/v1/decisions",
        name="decide",
        summary="May this deploy pass the gate?",
        told=(
            "Answers enforce or bypass. A bypass is on record before its answer "
            "leaves. The same deploy_id asked again is the same deploy: after the "
            "bypass closed it gets enforce, and counts as reverted."
        ),
        asked=schemas.DecisionQuestion,
        answered=schemas.DecisionAnswer,
        asks=examples.DECISION_ASKED,
        answers={
            "bypass": examples.DECISION_BYPASS,
            "enforce": examples.DECISION_ENFORCE,
            "reverted": examples.DECISION_REVERTED,
        },
    ),
    Operation(
        method="post",
        path="/api/v1/decisions/receipt",
        name="decideWithReceipt",
        summary="May this deploy pass, in a form that another can check?",
        told=(
            "The same decision, recorded in the same way. A bypass carries a receipt: "
            "a JWS under ES256 with the nonce of the question, for 60 seconds at most, "
            "checked with the keys at /.well-known/jwks.json. Nothing else has one, "
            "so a missing receipt means enforce."
        ),
        asked=schemas.ReceiptQuestion,
        answered=schemas.ReceiptAnswer,
        asks=examples.RECEIPT_ASKED,
        answers={
            "bypass": examples.RECEIPT_BYPASS,
            "enforce": examples.RECEIPT_ENFORCE,
        },
    ),
    Operation(
        method="patch",
        path="/api/v1/deploys/{deploy_id}",
        name="finishDeploy",
        summary="How a deploy ended.",
        told=(
            "Ends a deploy that went through under a bypass. The same report twice "
            "is one report."
        ),
        asked=schemas.DeployReport,
        answered=schemas.DeployAnswer,
        asks=examples.DEPLOY_REPORTED,
        answers={"ended": examples.DEPLOY_ENDED},
        also=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Operation(
        method="put",
        path="/api/v1/deploys/{deploy_id}/provenance",
        name="giveProvenance",
        summary="How what is deployed was built.",
        told=(
            "The body is the Sigstore bundle itself, 262144 bytes at most. It is kept "
            "as it is and verified afterwards; whatever it proves, no decision changes "
            "by it. The same bundle twice is one; another one is refused."
        ),
        asked=schemas.ProvenanceBundle,
        answered=schemas.ProvenanceAnswer,
        asks=examples.PROVENANCE_GIVEN,
        answers={"kept": examples.PROVENANCE_KEPT},
        also=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Operation(
        method="post",
        path="/api/v1/gates/heartbeat",
        name="heartbeat",
        summary="The gate is alive.",
        told=(
            "Send it every minute. A gate that falls silent, or whose configuration "
            "digest changes, is a finding."
        ),
        asked=schemas.Heartbeat,
        answered=schemas.HeartbeatAnswer,
        asks=examples.HEARTBEAT_SENT,
        answers={"seen": examples.HEARTBEAT_SEEN},
    ),
)


@cache
def document() -> dict[str, Any]:
    """Returns the whole description. It is the same for everybody, and has no URL."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    refused: dict[HTTPStatus, Any] = {
        status: _refusal(status, _MEANS[status]) for status in _ALWAYS
    }
    paths |= described.paths(refused)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": VERSION,
            "summary": "Decisions for deploy gates. In doubt: enforce.",
            "description": (
                "A gate passes a deploy only on status 200 with decision bypass. "
                "Everything else means enforce: another status, another body, an "
                "error, a timeout."
            ),
        },
        "security": [{"gateToken": []}, {"machineToken": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "gateToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The gate's token. It names tenant and gate.",
                },
                "machineToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": (
                        "The token that GitHub Actions, GitLab CI or Kubernetes gives "
                        "a job that an admin has bound to the gate, made for the "
                        "gate's own audience. It is for one deploy."
                    ),
                },
            },
        },
    }


def _schemas() -> dict[str, Any]:
    asked = [(operation.asked, "validation") for operation in OPERATIONS]
    answered = [(operation.answered, "serialization") for operation in OPERATIONS]
    errors = [(schemas.ErrorAnswer, "validation")]
    _, made = models_json_schema(
        [*asked, *answered, *errors],  # type: ignore[list-item]  # modes are literals
        ref_template=_REF,
    )
    found: dict[str, Any] = made["$defs"]
    return found


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.told,
        "requestBody": {
            "required": True,
            "content": _content(operation.asked, {"example": operation.asks}),
        },
        "responses": {
            "200": {
                "description": "The answer.",
                "headers": _NO_STORE,
                "content": _content(
                    operation.answered,
                    {
                        "examples": {
                            name: {"value": value}
                            for name, value in operation.answers.items()
                        }
                    },
                ),
            },
            **{
                str(status.value): _refusal(status, means)
                for status, means in operation.refusals.items()
            },
        },
    }
    if "{deploy_id}" in operation.path:
        described["parameters"] = [_DEPLOY_ID]
    return described


def _refusal(status: HTTPStatus, means: str) -> dict[str, Any]:
    example = {"example": examples.error(status)}
    return {
        "description": f"{means} Enforce.",
        "headers": _NO_STORE,
        "content": _content(schemas.ErrorAnswer, example),
    }


def _content(model: type[Wire], example: dict[str, Any]) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"application/json": {"schema": schema, **example}}


_NO_STORE: Final = {
    "Cache-Control": {"schema": {"type": "string", "const": "no-store"}}
}
_DEPLOY_ID: Final = {
    "name": "deploy_id",
    "in": "path",
    "required": True,
    "description": "The deploy_id that the gate asked with.",
    "schema": {
        "type": "string",
        "pattern": fields.WITHOUT_SLASH,
    },
}
