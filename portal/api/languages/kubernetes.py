"""
Kubernetes AdmissionReview v1, as a validating webhook.

https://kubernetes.io/docs/reference/config-api/apiserver-admission.v1/
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from breakglass.models import Gate
from breakglass.rules.identifiers import IDENTIFIER_MAX
from breakglass.rules.sources import Sources
from portal.api.asking import checked, unprocessable
from portal.api.languages import words
from portal.api.languages.speaking import Decide, Manner, Reply, Value
from portal.api.languages.workloads import workload
from portal.api.refusals import Refused
from portal.api.schemas import DecisionAnswer, DecisionQuestion
from portal.api.strict_json import Json, Limits, shown

VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
UID_MAX: Final = 200
WARNING_MAX: Final = 120

_MIB: Final = 1024 * 1024
_DEPLOYING: Final = frozenset({"CREATE", "UPDATE"})


class Admission:
    """
    Asks about the workload that a cluster is about to store.

    The API server takes 3 MiB a request and sends the object before and after. Fields
    that we do not know are left alone: they come with each release of Kubernetes.
    """

    name: Final = "kubernetes"
    manner: Final = Manner(
        body=6 * _MIB, unknown=64 * 1024, within=Limits(depth=64, digits=32)
    )

    def answer(self, value: Value, gate: Gate, decide: Decide) -> Json:
        """Returns the review with its answer."""
        request = _request(value)
        asked = _question(request, gate.sources)
        told = decide(asked)
        return _review(_uid(value), _response(gate, asked, told))

    def refused(self, value: Value, refusal: Refused) -> Reply | None:
        """
        Returns the review, not allowed; None where no UID can be named.

        Status 200: with any other the cluster's `failurePolicy` would decide.
        """
        uid = _uid(value)
        if not uid:
            return None
        said = f"breakglass gave no decision, so the gate enforces: {refusal}"
        status = _status(refusal.status, said)
        noted: dict[str, Json] = {"error": refusal.code}
        response: dict[str, Json] = {"status": status, "auditAnnotations": noted}
        return Reply(_review(uid, {"allowed": False, **response}))


def _uid(value: Value) -> str:
    """Returns the UID that the answer must repeat; "" where there is none to repeat."""
    request = value.get("request")
    uid = request.get("uid") if isinstance(request, dict) else None
    return uid if isinstance(uid, str) and 0 < len(uid) <= UID_MAX else ""


def _request(value: Value) -> Mapping[str, Json]:
    if (value.get("apiVersion"), value.get("kind")) != (VERSION, KIND):
        raise unprocessable(f"send an {KIND} of {VERSION}", field="apiVersion")
    request = value.get("request")
    if not isinstance(request, dict) or not _uid(value):
        raise unprocessable("request.uid is missing", field="request")
    operation = request.get("operation")
    if not isinstance(operation, str):
        raise unprocessable("request.operation is missing")
    if operation not in _DEPLOYING:
        raise unprocessable(
            f"this gate decides on CREATE and UPDATE; {shown(operation)} is no deploy"
        )
    return request


def _question(request: Mapping[str, Json], sources: Sources) -> DecisionQuestion:
    found = request.get("object")
    if not isinstance(found, dict):
        raise unprocessable("request.object is missing")
    dry_run = request.get("dryRun", False)
    if type(dry_run) is not bool:
        raise unprocessable("request.dryRun is neither true nor false")
    deployed = workload(found, sources=sources)
    if not deployed.service:
        raise unprocessable(
            f"the object names no service: set its {sources.service}", field="service"
        )
    asked: dict[str, Json] = {
        "service": deployed.service,
        "branch": deployed.branch,
        "artifact": deployed.artifact,
        "deploy_id": f"k8s-{deployed.revision or request['uid']}",
        "actor": _actor(request),
        "dry_run": dry_run,
    }
    return checked(asked, DecisionQuestion)


def _actor(request: Mapping[str, Json]) -> str:
    """Returns who deploys, for the record: one line, cut where it is longer."""
    user = request.get("userInfo")
    name = user.get("username") if isinstance(user, dict) else ""
    if not isinstance(name, str):
        raise unprocessable("userInfo.username has an unexpected type")
    plain = "".join(c if c.isprintable() else " " for c in name)
    return plain[:IDENTIFIER_MAX].strip()


def _response(
    gate: Gate, asked: DecisionQuestion, told: DecisionAnswer
) -> dict[str, Json]:
    noted: dict[str, Json] = {
        "decision": told.decision,
        "reason": told.reason.value,
        "decision-id": str(told.decision_id),
    }
    if told.bypass_id:
        noted["bypass-id"] = told.bypass_id
    if told.decision != "bypass":
        said = words.why_not(gate, asked, told)
        status = _status(HTTPStatus.FORBIDDEN, said)
        return {"allowed": False, "status": status, "auditAnnotations": noted}
    warnings: list[Json] = [
        text[:WARNING_MAX]
        for text in (words.admitted(told), words.weaker(told))
        if text
    ]
    return {"allowed": True, "warnings": warnings, "auditAnnotations": noted}


def _status(status: HTTPStatus, said: str) -> dict[str, Json]:
    return {"code": status.value, "message": said}


def _review(uid: str, response: dict[str, Json]) -> Json:
    return {
        "apiVersion": VERSION,
        "kind": KIND,
        "response": {"uid": uid, **response},
    }
