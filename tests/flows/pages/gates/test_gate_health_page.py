"""The gate health report, its table for spreadsheets, and the findings' own pages."""

import csv
import io

import pytest
from django.urls import reverse

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.models import Finding, HealthTerms
from breakglass.queries import access, charts
from breakglass.services.gates import findings
from breakglass.services.people import roles
from breakglass.states import FindingKind
from portal.http import csv_answers
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db
PAGE = "/t/acme/gates/health"
TABLE = "/t/acme/gates/health.csv"
DETAILS = {"unused": 3, "closed": 5, "threshold": 3, "days": 30}


@pytest.fixture
def finding(gate):
    return findings.open_finding(
        gate=gate, kind=FindingKind.BYPASS_UNUSED, details=DETAILS
    )


@pytest.fixture
def finding_path(finding):
    return f"/t/acme/findings/{finding.public_id}"


def text(answer):
    return answer.content.decode()


def test_strangers_and_the_logged_out_see_nothing(
    client, client_for, charlie, finding_path, acme
):
    stranger = client_for(charlie)
    for path in (PAGE, TABLE, finding_path):
        assert client.get(path).headers["Location"].startswith("/accounts/login/")
        assert stranger.get(path).status_code == 404
    for verb in ("close", "hand-over"):
        path = f"{finding_path}/{verb}"
        assert client.post(path).headers["Location"].startswith("/accounts/login/")
        assert stranger.post(path, {"reason": "Mine."}).status_code == 404
    assert Finding.objects.get().closed_at is None


def test_a_finding_of_another_tenant_is_not_found_under_ones_own(
    client_for, charlie, finding, acme
):
    assert (
        client_for(charlie).get(f"/t/globex/findings/{finding.public_id}").status_code
        == 404
    )


def test_every_member_reads_the_figures_and_what_they_mean(
    client_for, acme, people, gate, finding
):
    for number in range(3):
        steps.grant(acme, people, gate)
        steps.ask(gate, f"deploy-{number}")
    shown = text(client_for(people.auditor).get(PAGE))
    assert "prod-deploy" in shown
    assert "100.0" in shown  # three bypasses, three deploys
    assert "checkout ×&nbsp;3" in shown
    assert "Take it for the size of the traffic" in shown
    assert "bypasses that nobody used" in shown  # the finding
    assert "Change the thresholds" not in shown


def test_the_period_is_in_the_address_and_an_odd_one_is_ours(
    client_for, people, gate, acme
):
    client = client_for(people.peer)
    assert '<option value="90" selected>' in text(client.get(PAGE, {"days": "90"}))
    for odd in ("", "x", "-1", "31", "9" * 5000, "٣٠"):
        assert '<option value="30" selected>' in text(client.get(PAGE, {"days": odd}))


def test_the_page_takes_as_many_queries_for_many_gates_as_for_one(
    client_for, acme, people, gate, finding, django_assert_max_num_queries
):
    client = client_for(people.peer)
    client.get(PAGE)
    for slug in ("a", "b", "c"):
        other = factories.gate(acme, slug)
        steps.grant(acme, people, other, service=slug)
        findings.open_finding(
            gate=other,
            kind=FindingKind.GATE_BLAMED,
            details={"blamed": 3, "answered": 3, "days": 30},
        )
    with django_assert_max_num_queries(20):
        client.get(PAGE)


def test_a_spreadsheet_gets_the_same_figures(client_for, acme, people, gate):
    steps.grant(acme, people, gate)
    steps.ask(gate, "one")
    answer = client_for(people.peer).get(TABLE, {"days": "7"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].endswith('-7-days.csv"')
    [row] = csv.DictReader(io.StringIO(text(answer)))
    assert (row["gate"], row["bypasses"], row["deploys_admitted"]) == (
        "prod-deploy",
        "1",
        "1",
    )
    assert row["bypasses_per_100_deploys"] == "100.0"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "＝"])
def test_no_cell_is_a_formula(start):
    rows = [[f"{start}1+1", "prod-deploy", 0]]
    answer = csv_answers.answer(name="x.csv", head=["a", "b", "c"], rows=rows)
    [_, found] = csv.reader(io.StringIO(text(answer), newline=""))
    assert found == [f"'{start}1+1", "prod-deploy", "0"]


def test_findings_and_bars_are_of_gates_that_one_may_see(
    client_for, acme, people, gate, finding
):
    steps.grant(acme, people, gate)
    auditor = client_for(people.auditor)
    named = ("bypasses that nobody used", "prod-deploy")
    assert all(word in text(auditor.get(PAGE)) for word in named)
    assert all(word in text(auditor.get("/")) for word in named)
    role = acme.roles.get(slug="auditors")
    roles.change(
        role=role,
        name=role.name,
        tenant_permissions=role.tenant_permissions,
        gate_permissions=[],
        actor=OPERATOR,
    )
    for path in (PAGE, "/"):
        page = text(auditor.get(path))
        assert "bypasses that nobody used" not in page
    findings.close(
        tenant=acme, public_id=finding.public_id, person=people.admin, reason="Mended."
    )
    assert "Mended." not in text(auditor.get(PAGE))
    assert "Mended." in text(client_for(people.peer).get(PAGE))
    seen = access.gates_seen(user=people.auditor, tenants=[acme])
    words = {"tenant": acme, "weeks": 4, "now": clock.db_now()}
    assert charts.history(**words, gates=seen).gates == []
    assert charts.history(**words).gates == [("prod-deploy", 1)]


def test_its_owner_closes_a_finding_with_a_reason(
    client_for, people, finding, finding_path
):
    client = client_for(people.admin)
    shown = text(client.get(finding_path))
    assert "Bypasses in 30 days that no deploy used: 3 of 5." in shown
    empty = client.post(f"{finding_path}/close", {"reason": " "})
    assert empty.status_code == 422
    assert "Say why the finding is over" in text(empty)
    assert "<title>Error:" in text(empty)
    done = client.post(f"{finding_path}/close", {"reason": "The scope was wrong."})
    assert done.headers["Location"] == PAGE
    finding.refresh_from_db()
    assert (finding.closed_by, finding.close_reason) == (
        people.admin,
        "The scope was wrong.",
    )
    after = text(client.get(finding_path))
    assert "The scope was wrong." in after
    assert "<textarea" not in after
    assert "The scope was wrong." in text(client.get(PAGE))
    assert client.post(f"{finding_path}/close", {"reason": "Twice."}).status_code == 409


def test_a_reason_with_hidden_characters_is_refused_at_its_field(
    client_for, people, finding, finding_path
):
    answer = client_for(people.admin).post(
        f"{finding_path}/close", {"reason": "fine\u202e"}
    )
    assert answer.status_code == 422
    assert "invisible character" in text(answer)


def test_it_is_handed_over_to_somebody_who_sees_the_gate(
    client_for, people, finding, finding_path, charlie
):
    client = client_for(people.admin)
    for nobody in ("", charlie.pk, people.admin.pk, "x"):
        refused = client.post(f"{finding_path}/hand-over", {"to": nobody})
        assert refused.status_code == 422
    client.post(f"{finding_path}/hand-over", {"to": people.peer.pk})
    finding.refresh_from_db()
    assert finding.owner == people.peer
    assert "<textarea" in text(client_for(people.peer).get(finding_path))


def test_whoever_may_not_answer_has_no_form_and_is_refused(
    client_for, people, finding, finding_path
):
    client = client_for(people.oncall)
    assert "<textarea" not in text(client.get(finding_path))
    reason = {"reason": "I want to."}
    assert client.post(f"{finding_path}/close", reason).status_code == 403
    to = {"to": people.oncall.pk}
    assert client.post(f"{finding_path}/hand-over", to).status_code == 403
    finding.refresh_from_db()
    assert (finding.closed_at, finding.owner) == (None, people.admin)


def test_thresholds_are_changed_in_the_admin_on_record(client_for, acme, people, gate):
    terms = HealthTerms.objects.create(tenant=acme)
    client = client_for(people.admin)
    assert "Change the thresholds" in text(client.get(PAGE))
    path = reverse("admin:breakglass_healthterms_change", args=[terms.pk])
    values = {
        "period_days": 14,
        "bypasses_per_100": 5,
        "minimum_deploys": 50,
        "scope_repeats": 2,
        "unused": 0,
        "blamed_percent": 30,
        "minimum_postmortems": 2,
    }
    assert client.post(path, values).status_code == 302
    terms.refresh_from_db()
    assert terms.scope_repeats == 2
    assert steps.facts(acme, "health.terms_changed") == values
    shown = text(client.get(PAGE))
    assert "from 5, with 50 deploys or more" in shown
    assert "from 2" in shown


def test_another_tenants_thresholds_are_not_in_the_admin(client_for, acme, charlie):
    terms = HealthTerms.objects.create(tenant=acme)
    path = reverse("admin:breakglass_healthterms_change", args=[terms.pk])
    assert client_for(charlie).get(path).status_code in (302, 403, 404)
