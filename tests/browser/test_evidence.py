"""An approval is signed in the approver's name, and the log shows whether it holds."""

import re

import pytest

from breakglass.models import AuditEntry
from breakglass.services.approving import signatures
from breakglass.services.logs import sealing
from tests import database
from tests.browser.steps import expect, heading, request_url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def forge(statement, params):
    """Runs SQL as the owner of the tables, past the trigger that stops the portal."""
    guard = "TRIGGER auditentry_2_is_append_only"
    with database.as_owner() as owner, owner.transaction():
        owner.execute(f"ALTER TABLE breakglass_auditentry DISABLE {guard}")
        owner.execute(statement, params)
        owner.execute(f"ALTER TABLE breakglass_auditentry ENABLE ALWAYS {guard}")


def test_a_signed_approval_checks_out_until_somebody_changes_the_database(
    open_page, people, acme, pending_request, settings, tmp_path
):
    settings.CHECKPOINT_DIR = str(tmp_path)
    page = open_page(people.peer)
    page.goto(request_url(pending_request))
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("approved and signed as peer@acme.example")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("Signed as peer@acme.example")
    sealing.seal_due()
    signatures.sign_due()

    auditor = open_page(people.auditor)
    auditor.goto(request_url(pending_request))
    auditor.locator("#live").get_by_role("link", name="audit entry").click()
    heading(auditor, "peer@acme.example approved")
    lines = auditor.locator(".checks li")
    expect(lines).to_have_count(7)  # one of them says that no passkey was asked for
    expect(lines.filter(has_text="Verified")).to_have_count(6)
    signer = auditor.locator("main")
    expect(signer).to_contain_text("Signed by peer@acme.example, over exactly")
    expect(signer).to_contain_text("It was issued to peer@acme.example, whom")

    entry = AuditEntry.objects.get(event="request.approved")
    forge(
        "UPDATE breakglass_auditentry SET actor = %s WHERE id = %s",
        ["somebody.else@acme.example", entry.pk],
    )
    auditor.reload()
    expect(lines.filter(has_text="Failed")).to_have_count(1)
    expect(auditor.get_by_role("alert")).to_contain_text("does not check out")
    auditor.get_by_role("link", name="Audit log").first.click()
    expect(auditor.locator("tr", has_text="Failed")).to_have_count(1)
    _filters_outlive_back_and_reload(auditor)


def _filters_outlive_back_and_reload(auditor):
    """What is filtered stands in the address, in the form and in the rows again."""
    rows = auditor.locator("#rows tbody tr")
    gate = auditor.get_by_label("Gate", exact=True)
    before = rows.count()
    gate.fill("prod-deploy")
    gate.press("Enter")
    auditor.wait_for_url("**gate=prod-deploy*")
    expect(rows).not_to_have_count(before)
    narrowed = rows.all_inner_texts()
    rows.first.get_by_role("link").first.click()
    heading(auditor, "Entry")
    for come_back in (auditor.go_back, auditor.reload):
        come_back()
        expect(gate).to_have_value("prod-deploy")
        expect(rows).to_have_count(len(narrowed))
        assert rows.all_inner_texts() == narrowed


def test_a_request_and_each_of_its_entries_print_on_two_sheets_at_most(
    open_page, people, acme, active_grant
):
    sealing.seal_due()
    signatures.sign_due()
    entry = AuditEntry.objects.filter(event="request.approved").latest("seq")
    page = open_page(people.auditor)
    for path in (request_url(active_grant.request), f"/t/acme/audit/{entry.seq}"):
        page.goto(path)
        heading(page, "")
        sheets = re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))
        assert len(sheets) == 2, path
