"""The long logs of the benchmarks are real ones: each link checked, and verifying."""

import pytest

from bench import seed_log
from breakglass.models import AuditEntry, ChainHead
from breakglass.services.logs.verification import verify_tenant
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_seeded_log_verifies_and_takes_real_entries_again(acme, monkeypatch):
    monkeypatch.setattr(seed_log, "BATCH", 40)
    before = ChainHead.objects.get(tenant=acme).seq

    size = seed_log.seed(acme, 100)
    factories.gate(acme, "afterwards")

    assert size == before + 100
    report = verify_tenant(tenant=acme)
    assert report.findings == []
    assert report.entries == size + 1
    assert AuditEntry.objects.filter(
        tenant=acme, actor="operator at the shell"
    ).exists()
