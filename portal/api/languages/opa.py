"""
The data API of an OPA server: for whoever can ask one, and may ask us instead.

https://www.openpolicyagent.org/docs/rest-api
"""

from http import HTTPStatus
from typing import Final

from breakglass.models import Gate
from portal.api.asking import checked, unprocessable
from portal.api.languages.speaking import Decide, Manner, Reply, Value
from portal.api.languages.words import why_not
from portal.api.refusals import Refused
from portal.api.schemas import DecisionAnswer, DecisionQuestion
from portal.api.strict_json import Json

_CODES: Final = {
    HTTPStatus.BAD_REQUEST: "invalid_parameter",
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "unauthorized",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid_parameter",
}


class Document:
    """
    The package `breakglass` as a document; its `input` is our own question.

    It is recorded as any other question: send `dry_run` from within a policy.
    """

    name: Final = "opa"
    manner: Final = Manner()

    def answer(self, value: Value, gate: Gate, decide: Decide) -> Json:
        """Returns what the document comes to for this input."""
        given = value.get("input")
        if not isinstance(given, dict):
            raise unprocessable("input is missing", field="input")
        asked = checked(given, DecisionQuestion)
        told = decide(asked)
        result = self._result(gate, asked, told)
        return {"result": result, "decision_id": str(told.decision_id)}

    def refused(self, _value: Value, refusal: Refused) -> Reply | None:
        """Returns an OPA error: no result, so that what depends on it is undefined."""
        status = refusal.status
        if status is HTTPStatus.UNPROCESSABLE_ENTITY:
            status = HTTPStatus.BAD_REQUEST
        code = _CODES.get(status, "internal_error")
        return Reply({"code": code, "message": str(refusal)}, status)

    def _result(
        self, gate: Gate, asked: DecisionQuestion, told: DecisionAnswer
    ) -> Json:
        """Returns every rule of the package."""
        is_bypass = told.decision == "bypass"
        document: dict[str, Json] = told.model_dump(mode="json")
        message = "" if is_bypass else why_not(gate, asked, told)
        return {"allow": is_bypass, **document, "message": message}


class Allow(Document):
    """One rule of it: true or false, since an object would count as true."""

    def _result(
        self, _gate: Gate, _asked: DecisionQuestion, told: DecisionAnswer
    ) -> Json:
        return told.decision == "bypass"
