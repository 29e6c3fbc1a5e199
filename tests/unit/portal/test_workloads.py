"""What a Kubernetes object is read as; whatever it does not pin down is not stated."""

import hashlib

import pytest

from breakglass.rules.sources import Sources
from portal.api.languages.workloads import digest_of, images_of, workload
from portal.api.refusals import Refused

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


@pytest.mark.parametrize(
    ("images", "digest"),
    [
        ([], ""),
        (["r/a:1"], ""),
        (["r/a"], ""),
        ([f"r/a@{A}"], A),
        ([f"r:5000/a:1@{A}"], A),
        ([f"r/a@{A}", f"r/a2@{A}"], A),
        ([f"r/a@{A}", "r/b:1"], ""),
        ([f"r/a@{A.upper()}"], ""),
        ([f"r/a@{A}x"], ""),
        ([f"r/a@{A} "], ""),
        ([f"r/a@sha512:{'a' * 128}"], ""),
        ([f"r/a@{A}@{B}"], ""),
        ([f"@{A}"], ""),
    ],
)
def test_only_images_that_are_all_pinned_have_a_digest(images, digest):
    assert digest_of(images) == digest


def test_several_images_have_one_digest_whatever_their_order():
    expected = hashlib.sha256(f"{A}\n{B}\n".encode()).hexdigest()

    assert digest_of([f"r/b@{B}", f"r/a@{A}", f"x/a@{A}"]) == f"sha256:{expected}"


def test_every_kind_of_container_counts():
    spec = {
        "initContainers": [{"image": "i"}],
        "containers": [{"image": "c"}],
        "ephemeralContainers": [{"image": "e"}],
    }
    for found in (
        {"spec": spec},
        {"spec": {"template": {"spec": spec}}},
        {"spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}},
    ):
        assert images_of(found) == ["i", "c", "e"]
    assert images_of({"kind": "ConfigMap", "data": {}}) == []


def test_each_part_is_read_where_the_gate_says():
    found = {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "labels": {"app": "checkout"},
            "annotations": {"git/branch": "main", "build": A},
        }
    }
    read = workload(
        found, sources=Sources("label:app", "annotation:git/branch", "annotation:build")
    )
    assert (read.service, read.branch, read.artifact) == ("checkout", "main", A)
    read = workload(found, sources=Sources("namespace", "none", "none"))
    assert (read.service, read.branch, read.artifact) == ("shop", "", "")
    assert workload(found, sources=Sources("name")).service == "web"


@pytest.mark.parametrize(
    "found",
    [
        {"metadata": []},
        {"metadata": {"labels": "x"}},
        {"metadata": {"labels": {"app.kubernetes.io/name": 1}}},
        {"spec": {"containers": {}}},
        {"spec": {"containers": ["x"]}},
        {"spec": {"containers": [{"image": 1}]}},
    ],
)
def test_what_kubernetes_would_not_send_is_refused(found):
    with pytest.raises(Refused, match="unexpected type"):
        workload(found, sources=Sources())


def test_the_revision_names_the_object_its_generation_and_its_content():
    def revision(uid="u", generation=1, spec="x"):
        metadata = {"uid": uid, "generation": generation}
        found = {"metadata": metadata, "spec": {"command": spec}}
        return workload(found, sources=Sources()).revision

    assert revision() == revision()
    others = {revision(uid="v"), revision(generation=2), revision(spec="y")}
    assert len(others - {revision()}) == 3
    assert revision(uid=None) == ""
