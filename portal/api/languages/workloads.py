"""
What a Kubernetes object deploys: its service, branch and artefact, read from itself.

The object says it of itself, as a pipeline's question does. Who may write the object
may claim a service, so a cluster that must hold teams apart reads the service from the
namespace, which RBAC binds.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from breakglass.rules.sources import (
    ANNOTATION,
    IMAGES,
    LABEL,
    NAME,
    NAMESPACE,
    Sources,
)
from portal.api.asking import unprocessable
from portal.api.strict_json import Json, shown

_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")
_PINNED: Final = re.compile(r"[^@\s]+@(sha256:[0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Workload:
    """What the object deploys, where it stands, and which revision of it this is."""

    service: str
    branch: str
    artifact: str
    revision: str


def workload(found: Mapping[str, Json], *, sources: Sources) -> Workload:
    """
    Returns what an object deploys; "" is what it does not state.

    Refuses an object whose parts have other types than Kubernetes gives them.
    """
    return Workload(
        service=_part(found, source=sources.service),
        branch=_part(found, source=sources.branch),
        artifact=_part(found, source=sources.artifact),
        revision=_revision(found),
    )


def digest_of(images: list[str]) -> str:
    """
    Returns the one digest that stands for all images; "" where one has none.

    One image: its own digest. More: the SHA-256 of the different digests, sorted, a
    line each. A bypass for it covers exactly these images, and no other set.
    """
    digests = set()
    for image in images:
        pinned = _PINNED.fullmatch(image)
        if pinned is None:
            return ""
        digests.add(pinned[1])
    if len(digests) <= 1:
        return "".join(digests)
    lines = "".join(f"{digest}\n" for digest in sorted(digests))
    return f"sha256:{hashlib.sha256(lines.encode('ascii')).hexdigest()}"


def images_of(found: Mapping[str, Json]) -> list[str]:
    """Returns the images of every container, also of those that only start it."""
    spec = _mapping(found, "spec")
    if "jobTemplate" in spec:
        spec = _mapping(_mapping(spec, "jobTemplate"), "spec")
    if "template" in spec:
        spec = _mapping(_mapping(spec, "template"), "spec")
    return [_text(one, "image") for one in _containers(spec)]


def _part(found: Mapping[str, Json], *, source: str) -> str:
    metadata = _mapping(found, "metadata")
    if source.startswith(LABEL):
        return _text(_mapping(metadata, "labels"), source.removeprefix(LABEL))
    if source.startswith(ANNOTATION):
        return _text(_mapping(metadata, "annotations"), source.removeprefix(ANNOTATION))
    if source in {NAMESPACE, NAME}:
        return _text(metadata, source)
    return digest_of(images_of(found)) if source == IMAGES else ""


def _revision(found: Mapping[str, Json]) -> str:
    """
    Returns a name for this content of this very object; "" where it has no UID.

    The API server gives both UID and generation before it asks. The content is in it,
    since of two changes to one generation only one is stored.
    """
    metadata = _mapping(found, "metadata")
    uid, generation = _text(metadata, "uid"), metadata.get("generation", 0)
    if not uid or type(generation) is not int:
        return ""
    spec = json.dumps(found.get("spec"), sort_keys=True).encode()
    return f"{uid}-{generation}-{hashlib.sha256(spec).hexdigest()[:12]}"


def _containers(spec: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    for kind in _CONTAINERS:
        listed = spec.get(kind)
        if listed is None:
            continue
        if not isinstance(listed, list):
            raise _odd(kind)
        for container in listed:
            if not isinstance(container, dict):
                raise _odd(kind)
            yield container


def _mapping(found: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    part = found.get(name)
    if part is None:
        return {}
    if not isinstance(part, dict):
        raise _odd(name)
    return part


def _text(found: Mapping[str, Json], name: str) -> str:
    part = found.get(name)
    if part is None:
        return ""
    if not isinstance(part, str):
        raise _odd(name)
    return part


def _odd(name: str) -> Exception:
    return unprocessable(f"the object's {shown(name)} has an unexpected type")
