"""Where a cluster's object says what it deploys, as a gate's people set it."""

import re
from dataclasses import dataclass
from typing import Final

from breakglass.errors import InvalidInput
from breakglass.texts import text

SOURCE_MAX: Final = 330
NOTHING: Final = "none"
NAMESPACE: Final = "namespace"
NAME: Final = "name"
IMAGES: Final = "images"
LABEL: Final = "label:"
ANNOTATION: Final = "annotation:"

SERVICE_FROM: Final = "label:app.kubernetes.io/name"
BRANCH_FROM: Final = "annotation:breakglass/branch"

_KEY: Final = re.compile(
    r"(?:label|annotation):[A-Za-z0-9][A-Za-z0-9._/-]{0,316}", re.A
)
_ALSO: Final = {
    "service_from": (NAMESPACE, NAME),
    "branch_from": (NOTHING,),
    "artifact_from": (IMAGES, NOTHING),
}


@dataclass(frozen=True, slots=True)
class Sources:
    """
    Where each part of the scope stands in the object.

    `label:KEY` or `annotation:KEY`; for the service also `namespace` or `name`, for
    the artefact `images`; `none` states nothing.
    """

    service: str = SERVICE_FROM
    branch: str = BRANCH_FROM
    artifact: str = IMAGES


def check_source(*, value: str, field: str) -> str:
    """Returns a source unchanged; raises InvalidInput, which says the choices."""
    if value in _ALSO[field] or _KEY.fullmatch(value) is not None:
        return value
    msg = text(
        "%(field)s must be label:KEY or annotation:KEY, or one of: %(also)s",
        field=field,
        also=", ".join(_ALSO[field]),
    )
    raise InvalidInput(msg, field=field)
