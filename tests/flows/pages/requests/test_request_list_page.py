"""The list of requests: filters in the address, pages that neither skip nor repeat."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from breakglass.queries.requests import listing
from breakglass.queries.requests.listing import Filters
from breakglass.services import requests
from tests import factories

LIST = "/t/acme/requests"
HTMX = {"HX-Request": "true"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def oncall(client_for, gate, people):
    return client_for(people.oncall)


def text(answer):
    return answer.content.decode()


def found(browser, **query):
    """The bypass IDs that the page lists, from top to bottom."""
    return re.findall(
        r'data-row href="[^"]*/(BG-\w{6})"', text(browser.get(LIST, query))
    )


def test_each_filter_narrows_the_list_and_shows_as_a_chip(
    oncall, acme, people, gate, database_gate
):
    one = factories.request(acme, people.oncall, gate, branch="hotfix/oom")
    two = factories.request(acme, people.peer, database_gate, service="ledger")
    both = [two.bypass_id, one.bypass_id]
    assert found(oncall) == both
    assert found(oncall, gate="db-migrate") == [two.bypass_id]
    assert found(oncall, requester=str(people.oncall.public_id)) == [one.bypass_id]
    for words in (one.bypass_id.lower(), "CHECKOUT", "hotfix/o"):
        assert found(oncall, q=words, gate="prod-deploy") == [one.bypass_id], words
    assert found(oncall, q="third of all users") == both
    page = text(oncall.get(LIST, {"gate": "db-migrate", "q": "ledger"}))
    assert "Gate: db migrate" in page
    assert "Text: ledger" in page
    assert f'href="{LIST}?gate=db-migrate"' in page, "the chip of the text takes it off"
    assert found(oncall, gate="db-migrate", state="pending") == [two.bypass_id]


@pytest.mark.parametrize(
    "query",
    [
        {"requester": "nobody"},
        {"requester": "0b0c3a53-5f6e-4b8c-9a51-9f2f5a0f7a01"},
        {"gate": "no-such-gate"},
        {"q": "%"},
        {"q": "nothing like this"},
    ],
)
def test_a_filter_that_fits_nothing_finds_nothing_and_leads_back(
    oncall, pending_request, query
):
    page = text(oncall.get(LIST, query))
    assert pending_request.bypass_id not in page
    assert "No request matches." in page
    assert "Show all requests" in page


@pytest.mark.django_db(transaction=True)
def test_states_are_filtered_as_they_are_shown_before_any_sweep(
    oncall, acme, people, gate, active_grant, advance
):
    active = active_grant.request.bypass_id
    waits = factories.request(acme, people.oncall, gate, service="mail").bypass_id
    gone = factories.request(acme, people.oncall, gate, service="search")
    requests.withdraw(tenant=acme, bypass_id=gone.bypass_id, requester=people.oncall)
    assert found(oncall, state="active") == [active]
    assert found(oncall, state="pending") == [waits]
    assert found(oncall, state="withdrawn") == [gone.bypass_id]
    assert found(oncall, state="closed") == found(oncall, state="lapsed") == []
    advance(3 * 3600)
    assert found(oncall, state="active") == found(oncall, state="pending") == []
    assert found(oncall, state="closed") == [active]
    assert found(oncall, state="lapsed") == [waits]


def test_pages_neither_skip_nor_repeat_while_new_requests_arrive(
    oncall, acme, people, gate, monkeypatch, settings
):
    settings.OPEN_REQUEST_LIMIT = 99
    monkeypatch.setattr(listing, "PAGE", 3)

    def ask(number):
        return factories.request(acme, people.oncall, gate, service=f"s{number}")

    made = [ask(number).bypass_id for number in range(8)][::-1]
    first = listing.page(tenant=acme, filters=Filters())
    ask(8)
    second = listing.page(tenant=acme, filters=Filters(), before=first.older)
    third = listing.page(tenant=acme, filters=Filters(), before=second.older)
    seen = [row.bypass_id for page in (first, second, third) for row in page.rows]
    assert seen == made
    assert not third.older
    back = listing.page(tenant=acme, filters=Filters(), after=third.newer)
    assert [row.bypass_id for row in back.rows] == made[3:6]
    top = listing.page(tenant=acme, filters=Filters(), after=back.newer)
    assert [row.bypass_id for row in top.rows] == made[:3]
    assert top.newer, "one arrived meanwhile"
    for key in ("nonsense", "é", "LTE=", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk="):
        page = listing.page(tenant=acme, filters=Filters(), before=key)
        assert len(page.rows) == 3, key


def test_the_rows_are_polled_only_while_something_is_open(oncall, acme, people, gate):
    assert "hx-trigger" not in text(oncall.get(LIST)).split('id="rows"')[1]
    bypass = factories.request(acme, people.oncall, gate)
    page = text(oncall.get(LIST, {"gate": "prod-deploy"}))
    polled = re.search(r'hx-get="(/t/acme/requests\?[^"]+v=\w+)"', page)[1]
    polled = polled.replace("&amp;", "&")
    assert "gate=prod-deploy" in polled
    assert oncall.get(polled, headers=HTMX).status_code == 204
    requests.withdraw(tenant=acme, bypass_id=bypass.bypass_id, requester=people.oncall)
    changed = oncall.get(polled, headers=HTMX)
    assert changed.status_code == 200
    assert "Withdrawn" in text(changed)
    assert "hx-trigger" not in text(changed)


def test_the_list_costs_the_same_for_one_row_and_for_many(oncall, acme, people, gate):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert oncall.get(LIST, headers=HTMX).status_code == 200
        return len(queries)

    factories.request(acme, people.oncall, gate)
    cost()
    few = cost()
    for number in range(4):
        factories.request(acme, people.peer, gate, service=f"s{number}")
    assert cost() == few <= 20
