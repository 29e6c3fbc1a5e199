"""
Kyverno's `apiCall`: one flat object in, one flat object out.

https://kyverno.io/docs/policy-types/cluster-policy/external-data-sources/
Policies are evaluated for admission and again in the background, so asking here lets
nothing through by itself, and is on no record.
"""

from typing import Final

from breakglass.models import Gate
from portal.api.asking import checked, unprocessable
from portal.api.languages import words
from portal.api.languages.speaking import Decide, Manner, Reply, Value
from portal.api.languages.workloads import digest_of
from portal.api.refusals import Refused
from portal.api.schemas import DecisionQuestion
from portal.api.strict_json import Json, shown

_FIELDS: Final = frozenset({"gate", "service", "branch", "artifact", "images"})


class ServiceCall:
    """Answers about a service, a branch and an artefact, or a list of images."""

    name: Final = "kyverno"
    manner: Final = Manner(body=64 * 1024, is_counted=False)

    def answer(self, value: Value, gate: Gate, decide: Decide) -> Json:
        """Returns `mode` and what stands behind it."""
        for odd in sorted(value.keys() - _FIELDS):
            raise unprocessable(f"{shown(odd)} is not a field of this call")
        scope = {name: part for name, part in value.items() if name != "images"}
        if "images" in value:
            if "artifact" in value:
                raise unprocessable("send images or artifact", field="images")
            scope["artifact"] = digest_of(_images(value["images"]))
        asked = checked(
            {**scope, "deploy_id": words.NO_DEPLOY, "dry_run": True}, DecisionQuestion
        )
        return words.flat(gate, asked, decide(asked))

    def refused(self, _value: Value, refusal: Refused) -> Reply | None:
        """Returns `mode` enforce; at such a status Kyverno takes its `default`."""
        return Reply(
            {"mode": "enforce", "reason": refusal.code, "message": str(refusal)},
            refusal.status,
        )


def _images(value: Json) -> list[str]:
    if not isinstance(value, list):
        raise unprocessable("images is no list", field="images")
    found = [image for image in value if isinstance(image, str)]
    if len(found) < len(value):
        raise unprocessable("an image is no text", field="images")
    return found
