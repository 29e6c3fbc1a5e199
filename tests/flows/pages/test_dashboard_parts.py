"""What the dashboard shows, part by part, and what it costs."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from breakglass.models import HealthTerms
from breakglass.queries import charts
from breakglass.services import grants
from breakglass.services.gates import findings
from breakglass.states import FindingKind
from portal.http.charts import drawing as geometry
from portal.http.charts import pictures
from tests import factories
from tests.flows.services import steps

pytestmark = pytest.mark.django_db
DAY = 24 * 3600


def text(answer):
    return answer.content.decode()


def close(grant, person):
    grants.revoke(
        tenant=grant.tenant,
        bypass_id=grant.request.bypass_id,
        person=person,
        reason="Done.",
    )


def queries_of(client, path="/"):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


def test_it_takes_as_many_queries_for_many_rows_as_for_one_and_at_most_twenty(
    client_for, acme, people, gate, database_gate
):
    steps.grant(acme, people, gate)
    factories.request(acme, people.oncall, gate)
    client = client_for(people.peer)
    client.get("/")
    few = queries_of(client)
    for number in range(3):
        other = factories.gate(acme, f"gate-{number}")
        steps.grant(acme, people, other, service=f"s{number}")
        close(steps.grant(acme, people, other, service="x"), people.oncall)
        factories.request(acme, people.peer, other, service="mine")
        findings.open_finding(
            gate=other,
            kind=FindingKind.BYPASS_UNUSED,
            details={"unused": 3, "closed": 3, "days": 30},
        )
    assert queries_of(client) == few
    assert few <= 20


def test_a_silent_gate_under_a_bypass_is_in_a_red_box_until_it_lets_a_deploy_through(
    client_for, acme, people, gate
):
    grant = steps.grant(acme, people, gate)
    client, warned = client_for(people.peer), "The gate has not confirmed that it is"
    assert warned not in text(client.get("/")), "it never sends heartbeats"
    gate.last_seen_at = grant.starts_at - timedelta(hours=1)
    gate.save(update_fields=["last_seen_at"])
    shown = text(client.get("/"))
    assert "note-fail" in shown[: shown.index(warned)].rsplit("<li", 1)[1]
    assert queries_of(client) <= 20
    version = re.search(r'hx-get="/\?v=(\w+)"', shown)[1]

    assert steps.verdict(steps.ask(gate))[0] == "bypass"

    changed = client.get("/", {"v": version}, headers={"HX-Request": "true"})
    assert changed.status_code == 200
    assert warned not in text(changed)


def test_whoever_may_close_a_bypass_has_the_button(client_for, acme, people, gate):
    grant = steps.grant(acme, people, gate)
    path = f"/t/acme/requests/{grant.request.bypass_id}/close"
    may = {
        person: path in text(client_for(getattr(people, person)).get("/"))
        for person in ("oncall", "peer", "security", "auditor", "senior")
    }
    assert may == {
        "oncall": True,  # asked for it
        "peer": True,  # may approve its tier
        "security": True,  # close_grant
        "auditor": False,
        "senior": False,
    }
    shown = text(client_for(people.auditor).get("/"))
    assert "0 of 15 min" in shown
    assert "Low impact tier, asked by Oncall" in shown


def test_without_a_bypass_the_last_one_is_named(
    client_for, acme, people, gate, advance
):
    client = client_for(people.auditor)
    assert "Last one:" not in text(client.get("/"))
    grant = steps.grant(acme, people, gate)
    advance(7 * 60)
    close(grant, people.oncall)
    advance(2 * DAY)
    shown = text(client.get("/"))
    assert "No gate is bypassed right now." in shown
    assert re.search(r"closed <time[^>]*>2 days ago</time> after 7 minutes", shown)


def test_five_wait_oldest_first_and_the_rest_is_one_click_away(
    client_for, acme, people, gate, advance
):
    asked = []
    for number in range(5):
        asked.append(factories.request(acme, people.oncall, gate, service=f"s{number}"))
        advance(1)
    client = client_for(people.peer)
    assert "See all" not in text(client.get("/"))
    asked.append(factories.request(acme, people.senior, gate, service="last"))
    shown = text(client.get("/"))
    assert "See all (6)" in shown
    listed = re.findall(r"requests/(BG-\w+)#decision", shown)
    assert listed == [bypass.bypass_id for bypass in asked[:5]]


def test_who_only_asked_sees_their_own_number(client_for, acme, people, gate):
    factories.request(acme, people.senior, gate)
    assert "Your pending request" in text(client_for(people.senior).get("/"))
    assert "Waiting for you" in text(client_for(people.peer).get("/"))


def test_post_mortems_are_shown_from_a_week_before_they_are_due(
    client_for, acme, people, gate, advance
):
    client = client_for(people.auditor)
    close(steps.grant(acme, people, gate), people.oncall)
    shown = text(client.get("/"))
    assert "No post-mortem is due." not in shown
    assert "tag-fail" not in shown.split('id="due"')[1].split("</section>")[0]
    advance(8 * DAY)
    late = text(client.get("/")).split('id="due"')[1].split("</section>")[0]
    assert "tag-fail" in late
    assert "overdue" in late


def test_a_finding_is_on_the_dashboard_of_its_team_only(
    client_for, acme, people, gate, charlie
):
    findings.open_finding(
        gate=gate,
        kind=FindingKind.BYPASS_UNUSED,
        details={"unused": 3, "closed": 5, "days": 30},
    )
    shown = text(client_for(people.peer).get("/"))
    assert "Admin answers for it" in shown
    assert "bypasses that nobody used" in shown
    assert "nobody used" not in text(client_for(charlie).get("/"))
    assert HealthTerms.objects.count() == 0


def test_a_team_without_gates_sees_how_far_it_has_come(client_for, acme, people):
    shown = text(client_for(people.admin).get("/"))
    assert "Each group that the policy asks has somebody in it." in shown
    assert "Until then people sign in with a password." in shown
    assert "Acme has version 1" in shown
    factories.leave(acme, people.senior, "named-seniors")
    lacking = text(client_for(people.admin).get("/"))
    assert "nobody can approve:</div>" not in lacking
    assert "Named seniors" in lacking


# --- charts ---------------------------------------------------------------------------


def test_charts_are_drawn_with_their_numbers_as_a_table(client_for, acme, people, gate):
    client = client_for(people.auditor)
    assert "charts appear after the first" in text(client.get("/")).lower()
    close(steps.grant(acme, people, gate), people.oncall)
    shown = text(client.get("/"))
    assert shown.count('<svg class="chart" role="img"') == 4
    assert shown.count("<desc id=") == 4
    assert (
        "1 bypass in the last 12 weeks, 1 more than in as long a time before." in shown
    )
    assert "prod-deploy was bypassed most: 1 of 1." in shown
    assert "style=" not in shown


def test_the_period_is_in_the_address_and_an_odd_one_is_ours(
    client_for, acme, people, gate
):
    close(steps.grant(acme, people, gate), people.oncall)
    client = client_for(people.auditor)
    assert "in the last 26 weeks" in text(client.get("/", {"weeks": "26"}))
    for odd in ("", "0", "5", "-4", "x", "9" * 5000):
        assert "in the last 12 weeks" in text(client.get("/", {"weeks": odd}))


def test_only_the_live_part_is_polled(client_for, acme, people, gate):
    close(steps.grant(acme, people, gate), people.oncall)
    client = client_for(people.auditor)
    part = text(client.get("/?v=x", headers={"HX-Request": "true"}))
    assert part.lstrip().startswith('<div id="live"')
    assert '<svg class="chart"' not in part


def test_german_numbers_never_reach_an_attribute(acme, people, gate, advance):
    bypass = factories.request(acme, people.oncall, gate)
    advance(90)
    steps.approve(bypass, people.peer)
    found = charts.history(tenant=acme, weeks=4, now=bypass.opened_at)
    with translation.override("de"):
        drawn = [_drawn(picture) for picture in pictures.of_history(found)]
    for html in drawn:
        for value in re.findall(r' (?:x|y|width|height|cx|cy|points)="([^"]*)"', html):
            assert re.fullmatch(r"[0-9. -]*(?:,[0-9.]+)*(?: [0-9.,]+)*", value), value
    assert any(re.search(r'height="\d+\.\d"', html) for html in drawn)


def _drawn(picture):
    return render_to_string("dashboard/parts/chart.html", {"picture": picture})


def test_bars_stand_on_each_other_and_an_empty_week_has_none():
    plot = geometry.stacked(
        series={"low": [1, 0], "high": [3, 0]},
        names=["a", "b"],
        titles={(s, c): "" for s in ("low", "high") for c in (0, 1)},
    )
    assert [tick.value for tick in plot.ticks] == [0, 1, 2, 3, 4, 5]
    low, high = plot.bars
    assert low.y + low.height == pytest.approx(geometry.BOTTOM, abs=0.2)
    assert high.y + high.height == pytest.approx(low.y, abs=0.2)
    assert high.height == pytest.approx(3 * low.height, abs=0.3)
    assert (low.series, high.series) == (1, 2)


def test_a_line_breaks_where_there_is_no_value():
    plot = geometry.line(
        values=[1.0, 2.0, None, 4.0], names=list("abcd"), titles=list("abcd")
    )
    assert len(plot.dots) == 3
    [one] = plot.lines  # the last point stands alone: a dot, and no line
    assert len(one.split()) == 2


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (1, 2), (2, 2), (3, 5), (6, 10), (11, 20), (51, 100)]
)
def test_the_scale_ends_at_a_round_number(most, top):
    plot = geometry.line(values=[float(most)], names=["a"], titles=["a"])
    assert plot.ticks[-1].value == top


def test_the_longest_row_is_as_wide_as_the_chart():
    rows = geometry.rows([("a", 4), ("b", 1)])
    assert rows[0].width == pytest.approx(4 * rows[1].width)
    assert [row.y for row in rows] == [0, geometry.ROW]
