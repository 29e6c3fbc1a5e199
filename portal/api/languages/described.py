"""
The languages in the OpenAPI description: where they are, with one example each.

Their bodies are other people's standards: described here is what we read of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from portal.api.strict_json import Json

_DIGEST: Final = f"sha256:{'9f' * 32}"

_DECISION_ID: Final = "0b7f3c6e-6a1e-4a3e-9b0a-3d1a6d0a6f11"
_FLAT: Final[Json] = {
    "mode": "bypass",
    "reason": "grant_in_force",
    "bypass_id": "BG-7Q4MZK",
    "expires_at": "2026-11-22T02:41:07Z",
    "assurance": "sigstore",
    "evaluated_at": "2026-11-22T02:27:34Z",
    "message": "Dry run: bypass BG-7Q4MZK would let this pass until 02:41 UTC.",
}
_SHARED: Final[dict[str, Json]] = {
    "subject": {"type": "pipeline", "id": "ci@acme"},
    "action": {"name": "deploy"},
    "resource": {"type": "service", "id": "checkout"},
}
_EVALUATION: Final[Json] = {**_SHARED, "context": {"deploy_id": "gha-8123-1"}}
_PERMIT: Final[Json] = {
    "decision": True,
    "context": {"reason": "grant_in_force", "bypass_id": "BG-7Q4MZK"},
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """One address of one language, as its reader needs to know it."""

    path: str
    name: str
    summary: str
    told: str
    asks: Json
    answers: Json
    in_path: bool = False


SPOKEN: Final = (
    Spoken(
        path="/api/v1/kubernetes/admission",
        name="kubernetesAdmission",
        summary="A Kubernetes validating webhook (AdmissionReview v1).",
        told=(
            "Reads service, branch and artifact from the object under review. Status "
            "200 with allowed false for every refusal whose UID can be read."
        ),
        asks={
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
                "operation": "CREATE",
                "userInfo": {"username": "deployer"},
                "object": {
                    "metadata": {"labels": {"app.kubernetes.io/name": "checkout"}},
                    "spec": {
                        "template": {
                            "spec": {
                                "containers": [{"image": f"r.example/shop@{_DIGEST}"}]
                            }
                        }
                    },
                },
                "dryRun": False,
            },
        },
        answers={
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": {
                "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
                "allowed": True,
                "warnings": ["Passes under bypass BG-7Q4MZK, in force until …"],
                "auditAnnotations": {
                    "decision": "bypass",
                    "reason": "grant_in_force",
                    "decision-id": _DECISION_ID,
                    "bypass-id": "BG-7Q4MZK",
                },
            },
        },
        in_path=True,
    ),
    Spoken(
        path="/api/v1/gatekeeper",
        name="gatekeeperProvider",
        summary="A Gatekeeper external data provider (v1beta1).",
        told=(
            "A key is gate|service|branch|digest, each part percent-encoded. Asking "
            "records nothing and counts nothing; enforce comes early by the three "
            "minutes for which Gatekeeper keeps responses."
        ),
        asks={
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "ProviderRequest",
            "request": {"keys": ["prod-deploy|checkout|hotfix%2Foom|"]},
        },
        answers={
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "ProviderResponse",
            "response": {
                "idempotent": True,
                "items": [
                    {"key": "prod-deploy|checkout|hotfix%2Foom|", "value": _FLAT}
                ],
                "systemError": "",
            },
        },
        in_path=True,
    ),
    Spoken(
        path="/api/v1/kyverno",
        name="kyvernoServiceCall",
        summary="A service call of a Kyverno policy (apiCall).",
        told="Flat JSON. Asking records nothing and counts nothing.",
        asks={"service": "checkout", "images": [f"r.example/shop@{_DIGEST}"]},
        answers=_FLAT,
        in_path=True,
    ),
    Spoken(
        path="/v1/data/breakglass/allow",
        name="opaAllow",
        summary="The data API of an OPA server: one rule.",
        told="input is a decision's question. Recorded unless dry_run is true.",
        asks={"input": {"service": "checkout", "deploy_id": "gha-8123-1"}},
        answers={"result": True, "decision_id": _DECISION_ID},
    ),
    Spoken(
        path="/v1/data/breakglass",
        name="opaDocument",
        summary="The data API of an OPA server: the whole package.",
        told="The same, with the rest of the answer.",
        asks={"input": {"service": "checkout", "deploy_id": "gha-8123-1"}},
        answers={
            "result": {"allow": False, "decision": "enforce", "reason": "no_grant"},
            "decision_id": _DECISION_ID,
        },
    ),
    Spoken(
        path="/access/v1/evaluation",
        name="authzenEvaluation",
        summary="AuthZEN: one evaluation.",
        told="The action deploy on a resource of type service. Recorded.",
        asks=_EVALUATION,
        answers=_PERMIT,
    ),
    Spoken(
        path="/access/v1/evaluations",
        name="authzenEvaluations",
        summary="AuthZEN: several evaluations.",
        told=(
            "execute_all, deny_on_first_deny or permit_on_first_permit. Each is "
            "recorded by itself."
        ),
        asks={**_SHARED, "evaluations": [{"context": {"deploy_id": "gha-8123-1"}}]},
        answers={"evaluations": [_PERMIT]},
    ),
)


def paths(refusals: Mapping[HTTPStatus, Any]) -> dict[str, Any]:
    """Returns the languages' part of the description; `refusals` are our own."""
    found: dict[str, Any] = {}
    for spoken in SPOKEN:
        found[spoken.path] = {"post": _described(spoken, refusals)}
        if spoken.in_path:
            carried = {**_described(spoken, refusals), "security": []}
            carried["operationId"] += "ByAddress"
            carried["parameters"] = [_TOKEN]
            found[f"{spoken.path}/{{token}}"] = {"post": carried}
    return found


def _described(spoken: Spoken, refusals: Mapping[HTTPStatus, Any]) -> dict[str, Any]:
    return {
        "operationId": spoken.name,
        "summary": spoken.summary,
        "description": spoken.told,
        "requestBody": {"required": True, "content": _content(spoken.asks)},
        "responses": {
            "200": {"description": "The answer.", "content": _content(spoken.answers)},
            **{str(status.value): refusal for status, refusal in refusals.items()},
        },
    }


def _content(example: Json) -> dict[str, Any]:
    return {"application/json": {"schema": {"type": "object"}, "example": example}}


_TOKEN: Final = {
    "name": "token",
    "in": "path",
    "required": True,
    "description": "The gate's token, for callers that can send no header.",
    "schema": {"type": "string"},
}
