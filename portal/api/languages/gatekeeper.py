"""
Gatekeeper's external data (externaldata.gatekeeper.sh/v1beta1): a provider.

https://open-policy-agent.github.io/gatekeeper/website/docs/externaldata
Constraints are evaluated for admission, for audit and again for audit, and a response
is kept: so asking here lets nothing through by itself, and is on no record.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import unquote

from breakglass.models import Gate
from portal.api.asking import checked, unprocessable
from portal.api.languages import words
from portal.api.languages.speaking import Decide, Manner, Reply, Value
from portal.api.refusals import Refused
from portal.api.schemas import DecisionQuestion
from portal.api.strict_json import Json

VERSION: Final = "externaldata.gatekeeper.sh/v1beta1"
KEYS_MAX: Final = 100
KEPT_FOR: Final = timedelta(minutes=3)
"""Gatekeeper's own default (--external-data-provider-response-cache-ttl)."""

_PARTS: Final = ("gate", "service", "branch", "artifact")


class Provider:
    """Answers a key `gate|service|branch|digest`, each part percent-encoded."""

    name: Final = "gatekeeper"
    manner: Final = Manner(body=256 * 1024, is_counted=False, cached_for=KEPT_FOR)

    def answer(self, value: Value, gate: Gate, decide: Decide) -> Json:
        """Returns the items, one a key, each with a value or an error."""
        items: list[Json] = []
        for key in _keys(value):
            try:
                item = _item(key, gate, decide)
            except Refused as refusal:
                item = {"error": f"{refusal.code}: {refusal}"}
            items.append({"key": key, **item})
        return _response(items, "")

    def refused(self, _value: Value, refusal: Refused) -> Reply | None:
        """Returns no items and a system error, which a policy must take for a no."""
        return Reply(_response([], f"{refusal.code}: {refusal}"), refusal.status)


def _keys(value: Value) -> Sequence[str]:
    if (value.get("apiVersion"), value.get("kind")) != (VERSION, "ProviderRequest"):
        raise unprocessable(f"send a ProviderRequest of {VERSION}", field="apiVersion")
    request = value.get("request")
    keys = request.get("keys") if isinstance(request, dict) else None
    if not isinstance(keys, list):
        raise unprocessable("request.keys is missing", field="request")
    if len(keys) > KEYS_MAX:
        raise unprocessable(f"there are more than {KEYS_MAX} keys", field="request")
    found = [key for key in keys if isinstance(key, str)]
    if len(found) < len(keys):
        raise unprocessable("a key is no text", field="request")
    return found


def _item(key: str, gate: Gate, decide: Decide) -> dict[str, Json]:
    parts = key.split("|")
    if len(parts) != len(_PARTS):
        raise unprocessable("a key is gate|service|branch|digest, percent-encoded")
    named: dict[str, Json] = dict(zip(_PARTS, map(unquote, parts), strict=True))
    asked = checked(
        {**named, "deploy_id": words.NO_DEPLOY, "dry_run": True}, DecisionQuestion
    )
    told = decide(asked)
    return {"value": words.flat(gate, asked, told)}


def _response(items: list[Json], error: str) -> Json:
    return {
        "apiVersion": VERSION,
        "kind": "ProviderResponse",
        "response": {"idempotent": True, "items": items, "systemError": error},
    }
