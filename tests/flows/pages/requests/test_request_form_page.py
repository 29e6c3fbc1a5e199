"""The request form: links that fill it in, its preview, and every way to be refused."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from breakglass.errors import SentAlready
from breakglass.models import BypassRequest, LogStanding, Tenant, User
from breakglass.queries import policies
from tests import factories
from tests.flows.services import steps

LIST = "/t/acme/requests"
NEW = f"{LIST}/new"
PREVIEW = f"{LIST}/preview"
HTMX = {"HX-Request": "true"}
CALL = "Call the duty manager: +44 20 7946 0018."
pytestmark = pytest.mark.django_db


@pytest.fixture
def oncall(client_for, gate, people):
    return client_for(people.oncall)


@pytest.fixture
def told(acme):
    """The tenant says what to do when breakglass cannot help."""
    Tenant.objects.filter(pk=acme.pk).update(emergency_text=CALL)


def text(answer):
    return answer.content.decode()


def filled(**fields):
    return {
        "gate": "prod-deploy",
        "service": "checkout",
        "impact": "low",
        "justification": "Checkout returns 5xx for a third of all users.",
        "ttl": "15",
        **fields,
    }


def shown(browser, **query):
    asked = {"gate": "prod-deploy", "service": "checkout", **query}
    return text(browser.get(PREVIEW, asked, headers=HTMX))


# ------------------------------------------------------------ links


def test_a_pipelines_link_fills_in_the_form_and_folds_what_it_names(oncall):
    link = {
        "gate": "prod-deploy",
        "service": "checkout",
        "branch": "hotfix/oom",
        "artifact": "sha256:9f",
        "incident": "https://incidents.example/INC-771",
        "reason": "It is down.",
        "ttl": "60",
    }
    answer = oncall.get(NEW, link)
    form = answer.context["form"]
    expected = {
        **link,
        "incident_url": link["incident"],
        "justification": "It is down.",
    }
    for name in ("gate", "service", "branch", "artifact", "ttl", "incident_url"):
        assert form[name].value() == expected[name], name
    assert form["justification"].value() == "It is down."
    assert "data-scope>" in text(answer), "folded, with a way to change it"
    assert not answer.context["remarks"]
    assert not BypassRequest.objects.exists(), "a link never sends"


def test_the_forms_own_names_in_a_link_win_over_the_short_ones(oncall):
    link = {"incident": "https://a.example/", "incident_url": "https://b.example/"}
    assert oncall.get(NEW, link).context["form"]["incident_url"].value() == (
        "https://b.example/"
    )


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"gate": "no-such-gate"}, "“no-such-gate”, which is not one that you may ask"),
        ({"service": "two words"}, "service “two words” is not a name"),
        ({"branch": "ünder"}, "branch “ünder” is not a name"),
        ({"artifact": "<b>"}, "artefact “&lt;b&gt;” is not a name"),
        ({"incident": "javascript:alert(1)"}, "is not a web address"),
        ({"impact": "huge"}, "“huge” is neither low nor high"),
        ({"ttl": "soon"}, "“soon” is not a number of minutes"),
        ({"ttl": "-5"}, "“-5” is not a number of minutes"),
        ({"ttl": "77"}, "asks for 77 minutes, which is not offered"),
        ({"renews": "BG-000000"}, "was to follow is not here"),
        ({"renews": "../etc"}, "was to follow is not here"),
        ({"service": "x" * 5000}, "is not a name"),
    ],
)
def test_what_a_link_gets_wrong_is_said_and_left_out(oncall, query, words):
    answer = oncall.get(NEW, {"gate": "prod-deploy", **query})
    assert answer.status_code == 200
    assert words in text(answer)
    form = answer.context["form"]
    assert form["impact"].value() == "low"
    assert form["ttl"].value() == "15"
    assert not form["incident_url"].value()
    assert "javascript:alert" not in text(answer).replace(words, "").split("</main>")[1]


def test_a_strangers_request_cannot_be_followed_or_found_out(
    client_for, charlie, pending_request
):
    query = {"renews": pending_request.bypass_id}
    address = f"/t/{factories.tenant_of(charlie).slug}/requests/new"
    factories.gate(factories.tenant_of(charlie), "theirs")
    page = text(client_for(charlie).get(address, query))
    assert "was to follow is not here" in page
    assert pending_request.justification not in page


def test_gates_are_grouped_by_environment_where_there_are_several(oncall, acme):
    assert "<optgroup" not in text(oncall.get(NEW))
    factories.gate(acme, "eu-deploy", environment="production")
    page = text(oncall.get(NEW))
    assert '<optgroup label="production">' in page
    assert '<optgroup label="No environment">' in page


# ------------------------------------------------------------ preview


def test_the_preview_says_who_was_here_last_and_what_happens_when(oncall, acme, people):
    for name in ("Ada", "Ben", "Cem"):
        factories.join(acme, factories.person(f"{name}@acme.example", name), "peers")
    User.objects.filter(email="ben@acme.example").update(
        last_login=people.oncall.date_joined
    )
    page = shown(oncall)
    listed = re.findall(r"<span>(\w+) <span class=\"muted small\">", page)
    assert listed[0] == "Ben", "whoever signed in last comes first"
    assert "never signed in" in page
    assert "and 1 other" in page
    for words in (
        "At once they are told by e-mail.",
        "After 10 minutes without an answer all of them are told once more.",
        "After 2 hours, at ",
        "You write the post-mortem, due 5 working days after it closes",
        "Any branch and any artefact",
        "Send Low impact request",
        "4 hours (the maximum of the tier Low impact)",
    ):
        assert words in page, words


def test_the_preview_names_the_channels_that_are_told_too(oncall, acme):
    acme.channels.create(kind="slack", name="ops", url="slack://x")
    acme.channels.create(
        kind="slack", name="disused-room", url="slack://y", is_active=False
    )
    page = shown(oncall)
    assert "and the team in ops (slack)." in page
    assert "disused-room" not in page
    assert "slack://" not in page


@pytest.mark.django_db(transaction=True)
def test_the_preview_offers_what_is_open_and_says_whether_it_would_do(
    oncall, acme, people, gate
):
    bypass = factories.request(acme, people.oncall, gate, branch="main")
    waiting = f"{bypass.bypass_id} by Oncall is waiting for approval"
    assert waiting in shown(oncall)
    factories.approve(bypass, people.peer)
    page = shown(oncall, branch="main")
    assert f"{bypass.bypass_id} is already open" in page
    assert "It covers what you ask for." in page
    assert "Use it instead" in page
    assert "which is not all that you ask for" in shown(oncall)
    steps.publish(acme, max_active_per_service=1)
    assert "Only 1 bypass may be open for this service at a time" in shown(oncall)


def test_a_group_that_is_too_small_is_said_before_sending(oncall, acme, people, told):
    factories.leave(acme, people.approver2, "designated-approvers")
    page = shown(oncall, impact="high")
    assert "Nobody can approve this now." in page
    assert "1 more person is missing in Designated approvers." in page
    assert CALL in page
    assert "js-send" in page, "an admin may add people while it waits"


def test_one_person_in_two_groups_fills_only_one_place(
    oncall, acme, people, database_gate
):
    for who in (people.approver1, people.approver2):
        factories.leave(acme, who, "designated-approvers")
    assert "Nobody can approve" in shown(oncall, gate="db-migrate")
    factories.join(acme, people.senior, "designated-approvers")
    assert "1 more person is missing" in shown(oncall, gate="db-migrate")
    factories.join(acme, people.peer, "designated-approvers")
    assert "Nobody can approve" not in shown(oncall, gate="db-migrate")


# ------------------------------------------------------------ refused


def test_too_many_pending_requests_leave_no_dead_button(
    oncall, acme, people, gate, settings, told
):
    settings.OPEN_REQUEST_LIMIT = 1
    pending = factories.request(acme, people.oncall, gate, service="mail")
    page = shown(oncall)
    assert "You already have 1 pending request, which is the limit." in page
    assert f"{LIST}/{pending.bypass_id}" in page
    assert "js-send" not in page
    assert "Check again" in page
    assert CALL in page
    answer = oncall.post(NEW, filled())
    assert answer.status_code == 422
    assert "You have 1 open request and the limit is 1." in text(answer)
    assert "Checkout returns 5xx" in text(answer), "nothing typed is lost"


def test_a_read_only_log_is_said_before_and_after_sending(oncall, acme, told):
    now = acme.created_at
    LogStanding.objects.create(tenant=acme, read_only_at=now, read_only_reason="x")
    page = shown(oncall)
    assert "log is read-only" in page
    assert "js-send" not in page
    answer = oncall.post(NEW, filled())
    assert answer.status_code == 503
    assert 'id="errors"' in text(answer)
    assert "Checkout returns 5xx" in text(answer)
    assert '<details class="emergency" data-emergency open>' in text(answer)
    part = oncall.post(NEW, filled(), headers=HTMX)
    assert (part.status_code, part.headers["HX-Retarget"]) == (503, "#form")
    assert text(part).lstrip().startswith("<form")
    assert not BypassRequest.objects.exists()


def test_a_tenant_without_a_policy_says_so_and_what_to_do(oncall, told, monkeypatch):
    monkeypatch.setattr(policies, "current", lambda *, tenant: None)
    page = shown(oncall)
    assert "Acme has no published policy yet" in page
    assert "js-send" not in page
    assert CALL in page
    answer = oncall.post(NEW, filled())
    assert answer.status_code == 422
    assert '<details class="emergency" data-emergency open>' in text(answer)


def test_the_emergency_text_is_folded_until_it_is_needed_and_escaped(oncall, acme):
    assert "emergency procedure" not in text(oncall.get(NEW)), "there is none yet"
    Tenant.objects.filter(pk=acme.pk).update(emergency_text="<script>x</script>")
    page = text(oncall.get(NEW))
    assert '<details class="emergency" data-emergency>' in page
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


# ------------------------------------------------------------ sent twice


def test_a_form_that_changed_since_it_was_sent_is_not_taken_for_the_first(oncall):
    key = str(oncall.get(NEW).context["form"]["form_key"].value())
    oncall.post(NEW, filled(form_key=key))
    first = BypassRequest.objects.get()
    again = oncall.post(NEW, filled(form_key=key, service="search"))
    assert again.status_code == 422
    assert f"sent already, as {first.bypass_id}" in text(again)
    fresh = str(again.context["form"]["form_key"].value())
    assert fresh != key
    assert oncall.post(NEW, filled(form_key=fresh, service="search")).status_code == 302
    assert BypassRequest.objects.count() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"branch": "main"},
        {"artifact": "sha256:9f"},
        {"impact": "high"},
        {"justification": "Another reason altogether."},
        {"incident_url": ""},
        {"ttl": timedelta(hours=1)},
    ],
)
def test_each_word_of_a_form_makes_it_another_request(acme, people, gate, change):
    key = "0b0c3a53-5f6e-4b8c-9a51-9f2f5a0f7a01"
    first = factories.request(acme, people.oncall, gate, form_key=key)
    assert factories.request(acme, people.oncall, gate, form_key=key) == first
    with pytest.raises(SentAlready) as error:
        factories.request(acme, people.oncall, gate, form_key=key, **change)
    assert error.value.bypass_id == first.bypass_id


# ------------------------------------------------------------ cost


def test_the_preview_costs_the_same_with_more_people_gates_and_requests(
    oncall, acme, people, gate
):
    def cost():
        with CaptureQueriesContext(connection) as found:
            assert "What will happen" in shown(oncall)
        return len(found)

    cost()
    few = cost()
    for number in range(4):
        who = factories.person(f"p{number}@acme.example", f"P{number}")
        factories.join(acme, who, "peers")
        factories.gate(acme, f"gate-{number}", environment=f"env-{number}")
        factories.request(acme, people.peer, gate, service=f"s{number}")
        factories.request(acme, people.oncall, gate, service=f"s{number}")
    assert cost() == few <= 20
