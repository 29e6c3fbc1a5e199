"""Whole signatures, by a name or with a key that the root does not stand for."""

import json

import pytest

from tests.property.tamper.forger import statement_of
from tests.standalone import verifier


def said(report):
    return " / ".join(message for _, message in report.findings)


@pytest.fixture
def world(worlds):
    return worlds[0]


def test_the_right_name_under_another_issuer_is_refused(world):
    trust = json.loads(world.trust)
    trust["workload"]["issuer"] = "https://other.example/oidc"
    trust["workloads"] = []
    trust["approver_issuers"] = ["https://other.example/oidc"]

    report = verifier.verify(world.files, trust=json.dumps(trust).encode())

    assert report.counts["signatures"] == 0
    assert "has a signature that does not hold" in said(report)


def test_a_log_key_that_was_retired_by_then_is_refused(world):
    """The library takes retired keys for ever; the window in the root is meant."""
    trust = json.loads(world.trust)
    for log in trust["roots"][0]["trusted_root"]["tlogs"]:
        log["publicKey"]["validFor"]["end"] = "2026-01-01T00:00:00Z"
        log["publicKey"]["validFor"]["start"] = "2025-01-01T00:00:00Z"

    report = verifier.verify(world.files, trust=json.dumps(trust).encode())

    assert "the log's key was not in use at that time" in said(report)


def test_the_statement_behind_a_bundle_is_found_again(world):
    bundle = json.loads(world.files["checkpoints.jsonl"].splitlines()[0])["bundle"]

    assert json.loads(statement_of(world.files, bundle))["predicateType"].endswith("v1")
