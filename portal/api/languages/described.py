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
                    "decision-id": "0b7f3c6e-6a1e-4a3e-9b0a-3d1a6d0a6f11",
                    "bypass-id": "BG-7Q4MZK",
                },
            },
        },
        in_path=True,
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
