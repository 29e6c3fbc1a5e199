"""The audit browser: who may read it, what it shows, and what it proves."""

import json
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256

import pytest

from breakglass.errors import NotFound
from breakglass.models import AuditEntry
from breakglass.queries.logs import entries as log
from breakglass.services.approving import signatures
from breakglass.services.logs import sealing
from breakglass.signing import instance
from portal.http.audit import checks
from tests import factories

LOG = "/t/acme/audit"
PATHS = ("", "/1", "/1/body", "/1/bundle", "/trust-config")
pytestmark = pytest.mark.django_db
signed = pytest.mark.django_db(transaction=True)  # signing is outside transactions


@pytest.fixture
def auditor(client_for, acme, people):
    return client_for(people.auditor)


def text(answer):
    return answer.content.decode()


def approval_of(tenant):
    return AuditEntry.objects.get(tenant=tenant, event="request.approved")


def test_the_log_reads_in_plain_sentences(auditor, pending_request):
    page = text(auditor.get(LOG))
    assert "<h1>Audit log</h1>" in page
    assert "asked to bypass prod-deploy for checkout, 15 minutes" in page
    assert pending_request.bypass_id in page
    assert f'{LOG}/1"' in page


def test_htmx_gets_the_rows_only_and_back_gets_the_whole_page(auditor):
    part = auditor.get(LOG, headers={"HX-Request": "true"})
    assert text(part).lstrip().startswith('<section id="rows"')
    assert "HX-Request" in part.headers["Vary"]
    back = auditor.get(
        LOG, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    )
    assert "<h1>Audit log</h1>" in text(back)


def test_nobody_reads_the_log_without_signing_in(client, acme):
    for path in PATHS:
        answer = client.get(LOG + path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/accounts/login/")


def test_another_tenants_admin_learns_nothing(client_for, acme, charlie):
    outsider = client_for(charlie)
    for path in PATHS:
        assert outsider.get(LOG + path).status_code == 404, path


def test_a_member_who_is_no_auditor_is_refused(client_for, acme, people):
    member = client_for(people.peer)
    for path in PATHS:
        assert member.get(LOG + path).status_code == 403, path


def test_every_page_is_read_only(auditor):
    for path in ("", "/1", "/1/body", "/trust-config"):
        assert auditor.post(LOG + path).status_code == 405


def test_filters_narrow_and_stay_in_the_address(auditor, pending_request):
    page = text(auditor.get(LOG, {"event": "request.opened"}))
    assert page.count("<tr") == 2  # the head and one row
    assert "What happened: asked for the bypass" in page
    page = text(auditor.get(LOG, {"bypass_id": pending_request.bypass_id.lower()}))
    assert page.count("<tr") == 2
    assert "asked to bypass" in page
    page = text(auditor.get(LOG, {"actor": "nobody@acme.example"}))
    assert "No entries match these filters" in page


def test_a_filter_that_does_not_parse_is_named(auditor):
    answer = auditor.get(LOG, {"since": "yesterday"})
    assert answer.status_code == 422
    assert "There is a problem" in text(answer)
    answer = auditor.get(LOG, {"since": "2026-02-02T10:00", "until": "2026-02-01"})
    assert "before the start" in text(answer)
    assert auditor.get(LOG, {"before": "x"}).status_code == 422
    assert auditor.get(LOG, {"before": "9" * 30}).status_code == 422


def test_older_and_newer_meet_without_a_gap(auditor, acme, people):
    busy = factories.gate(acme, "busy")
    for _ in range(60):
        factories.token(busy)
    newest = text(auditor.get(LOG))
    size = AuditEntry.objects.filter(tenant=acme).count()
    assert f'?before={size - 49}"' in newest
    older = text(auditor.get(LOG, {"before": size - 49}))
    assert f'{LOG}/{size - 50}"' in older
    assert f'?after={size - 50}"' in older
    back = text(auditor.get(LOG, {"after": size - 50}))
    assert f'{LOG}/{size - 49}"' in back
    assert f'{LOG}/{size - 50}"' not in back


def test_a_long_page_costs_no_query_per_row(
    auditor, acme, gate, django_assert_max_num_queries
):
    for _ in range(50):
        factories.token(gate)
    with django_assert_max_num_queries(20):
        auditor.get(LOG)


@signed
def test_an_approval_is_verified_when_it_is_looked_at(auditor, acme, active_grant):
    entry = approval_of(acme)
    page = text(auditor.get(f"{LOG}/{entry.seq}"))
    assert f"Entry {entry.seq}: peer@acme.example approved" in page
    assert "Signed by peer@acme.example, over exactly" in page
    assert page.count("Verified</span>") == 5
    assert "Not yet</span>" in page  # no checkpoint so far
    assert f"sha256:{active_grant.request.digest_hex}" in page
    assert "--cert-identity peer@acme.example" in page
    assert "-----BEGIN CERTIFICATE-----" in page


@signed
def test_a_signed_checkpoint_covers_what_came_before(auditor, acme, active_grant):
    sealing.seal_due()
    signatures.sign_due()
    entry = approval_of(acme)
    page = text(auditor.get(f"{LOG}/{entry.seq}"))
    assert page.count("Verified</span>") == 6
    assert "Not yet</span>" not in page
    assert "Sealed at" in text(auditor.get(LOG))


@signed
def test_the_downloads_are_the_exact_bytes(auditor, acme, active_grant):
    entry = approval_of(acme)
    body = auditor.get(f"{LOG}/{entry.seq}/body")
    assert body.content == bytes(entry.body)
    bundle = auditor.get(f"{LOG}/{entry.seq}/bundle")
    named = json.loads(bytes(entry.body))["facts"]["bundle_sha256"]
    assert sha256(bundle.content).hexdigest() == named
    assert "acme-" in bundle.headers["Content-Disposition"]
    trust = auditor.get(f"{LOG}/trust-config")
    assert "trustedRoot" in json.loads(trust.content)


def test_an_entry_without_a_signature_has_no_bundle(auditor):
    assert auditor.get(f"{LOG}/1/bundle").status_code == 404
    page = text(auditor.get(f"{LOG}/1"))
    assert "python verify_evidence.py evidence.zip" in page
    assert "sigstore verify" not in page


def test_an_entry_that_does_not_exist_is_not_found(auditor):
    assert auditor.get(f"{LOG}/999999").status_code == 404


@pytest.fixture
def tampered():
    """Makes the database return entry 2 changed, as a superuser could store it."""
    entry, page = log.entry, log.page

    @contextmanager
    def _tamper(**changes):
        def _changed(found):
            for name, value in changes.items() if found.seq == 2 else ():
                setattr(found, name, value)
            return found

        def _page(**words):
            found = page(**words)
            return replace(found, rows=[_changed(row) for row in found.rows])

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(log, "entry", lambda **words: _changed(entry(**words)))
            patch.setattr(log, "page", _page)
            yield

    return _tamper


def test_a_tampered_entry_is_red_in_the_list_and_on_its_page(auditor, tampered):
    for changes in (
        {"body": b"no json"},
        {"body": b"[]"},
        {"body": b'{"facts":{"bundle_sha256":"not hex"}}'},
        {"event": "request.withdrawn"},
        {"actor": "somebody.else@acme.example"},
        {"bypass_id": "BG-000000"},
        {"entry_hash": bytes(32)},
        {"prev_hash": bytes(32)},
    ):
        with tampered(**changes):
            assert text(auditor.get(LOG)).count('class="row-failed"') == 1, changes
            page = text(auditor.get(f"{LOG}/2"))
        assert "This entry does not check out" in page, changes
        assert "The bytes match the hash: no." in page, changes


def test_the_entry_after_a_tampered_one_says_that_its_link_is_broken(auditor, tampered):
    with tampered(body=b"no json"):
        page = text(auditor.get(f"{LOG}/3"))
    assert "not that of the entry before" in page


def test_a_hole_in_the_log_is_a_finding(auditor, monkeypatch):
    entry = log.entry

    def _missing(*, tenant, seq):
        if seq == 2:
            raise NotFound
        return entry(tenant=tenant, seq=seq)

    monkeypatch.setattr(log, "entry", _missing)
    assert "Entry 2 is missing from the log" in text(auditor.get(f"{LOG}/3"))


@signed
def test_a_bundle_of_somebody_else_does_not_pass_for_the_approvers(
    auditor, acme, active_grant, monkeypatch
):
    seen = approval_of(acme)
    evil = instance.person("peer@evil.example")
    monkeypatch.setattr(checks, "_signers", lambda entry, bundle: evil)
    page = text(auditor.get(f"{LOG}/{seen.seq}"))
    assert "The signature holds: no." in page


@signed
def test_without_a_trust_config_nothing_is_called_verified(
    auditor, acme, active_grant, settings
):
    settings.TRUST_CONFIG = "/nonexistent/trust_config.json"
    page = text(auditor.get(f"{LOG}/{approval_of(acme).seq}"))
    assert "Not checked</span>" in page
    assert auditor.get(f"{LOG}/trust-config").status_code == 503
