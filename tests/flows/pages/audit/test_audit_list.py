"""The log as a list: every filter, pages while it grows, what is new, a check now."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bench import seed_log
from breakglass.audit.narrowing import Filters, Reach, narrow
from breakglass.models import AuditEntry, ChainHead, LogStanding
from breakglass.services.approving import signatures
from breakglass.services.logs import checks, sealing
from tests import factories
from tests.flows.services import steps

LOG = "/t/acme/audit"
HTMX = {"HX-Request": "true"}
QUERIES_AT_MOST = 20
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path, monkeypatch):
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")
    monkeypatch.setattr(
        signatures, "fulfil", lambda *, intent, **_: steps.sign_here(intent)
    )


@pytest.fixture
def auditor(client_for, acme, people):
    return client_for(people.auditor)


def text(answer):
    return answer.content.decode()


def shown(page):
    return [int(seq) for seq in re.findall(r'audit/(\d+)" data-row', page)]


def numbers(tenant, **fields):
    rows = AuditEntry.objects.filter(tenant=tenant, **fields).order_by("-seq")
    return list(rows.values_list("seq", flat=True))


def older_of(page):
    found = re.search(r'rel="next" href="([^"]+)"', page)
    return found and LOG + found[1].replace("&amp;", "&")


def test_several_events_are_one_filter(auditor, acme, pending_request):
    page = text(auditor.get(f"{LOG}?event=request.opened&event=gate.registered"))

    wanted = numbers(acme, event__in=["request.opened", "gate.registered"])
    assert shown(page) == wanted
    assert f'href="{LOG}?event=gate.registered"' in page, "a chip takes one of them off"


def test_a_gate_is_what_names_it_and_what_is_about_its_requests(
    auditor, acme, people, gate, pending_request
):
    other = factories.gate(acme, "prod-deploy-eu")
    factories.request(acme, people.oncall, other)
    steps.commit(factories.intend(pending_request, people.peer), people.peer)

    page = text(auditor.get(LOG, {"gate": "prod-deploy"}))

    named = AuditEntry.objects.filter(tenant=acme, bypass_id=pending_request.bypass_id)
    registered = AuditEntry.objects.filter(tenant=acme, event="gate.registered")
    wanted = {*named.values_list("seq", flat=True), registered.earliest("seq").seq}
    assert set(shown(page)) == wanted


def test_the_filter_by_gate_is_answered_by_indexes_alone(acme, pending_request):
    rows = narrow(
        AuditEntry.objects.order_by(),
        Filters(gate="prod-deploy"),
        tenant=acme,
        reach=Reach(),
    )
    with connection.cursor() as cursor:  # so that nothing but the possible is planned
        for other in ("seqscan", "indexscan", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{other} TO off")
    plan = rows.explain()
    assert "Seq Scan" not in plan, "every entry's words are taken apart"
    assert "auditentry_words" in plan
    assert "auditentry_by_bypass" in plan


@pytest.mark.parametrize(
    ("said", "is_found"),
    [
        ("inc-771", True),
        ("INC 77", True),
        ("third users", True),
        ("Checkout returns", True),
        ("third nobody", False),
        ("' & !", False),
        ("gate", False),
    ],
)
def test_text_finds_words_wherever_an_entry_says_them(
    auditor, acme, pending_request, said, is_found
):
    page = text(auditor.get(LOG, {"text": said, "event": "request.opened"}))

    assert bool(shown(page)) == is_found


def test_a_word_longer_than_any_index_takes_hides_nothing(acme, people, gate, auditor):
    long = factories.wish(gate).justification + " " + "ü" * 1900
    factories.request(acme, people.oncall, gate, justification=long)

    page = text(auditor.get(LOG, {"text": "third users"}))

    assert len(shown(page)) == 1


def test_the_span_is_in_utc_and_ends_before_its_end(auditor, acme, advance):
    first = AuditEntry.objects.filter(tenant=acme).latest("seq")
    advance(7200)
    factories.gate(acme, "later")
    at = AuditEntry.objects.get(tenant=acme, event="gate.registered").at

    page = text(auditor.get(LOG, {"since": f"{at:%Y-%m-%dT%H:%M:%S}"}))
    assert first.seq not in shown(page)
    assert shown(page) == numbers(acme, seq__gt=first.seq)
    page = text(auditor.get(LOG, {"until": f"{at:%Y-%m-%dT%H:%M:%S}"}))
    assert shown(page)[0] == first.seq


def test_a_proof_state_is_a_filter(auditor, acme, gate):
    sealing.seal_due()
    signatures.sign_due()
    checks.check_new()
    sealed = ChainHead.objects.get(tenant=acme).seq - 1
    factories.gate(acme, "newest")

    waiting = shown(text(auditor.get(LOG, {"proof": "waiting"})))
    assert waiting == numbers(acme, seq__gt=sealed)
    verified = shown(text(auditor.get(LOG, {"proof": "verified"})))
    assert verified == numbers(acme, seq__lte=sealed)
    LogStanding.objects.filter(tenant=acme).update(bad_entries=[5])
    assert shown(text(auditor.get(LOG, {"proof": "failed"}))) == [5]
    assert shown(text(auditor.get(LOG, {"proof": "verified"}))) == [4, 3, 2, 1]
    unchecked = shown(text(auditor.get(LOG, {"proof": "unchecked"})))
    assert unchecked == numbers(acme, seq__gt=5, seq__lte=sealed)


def test_a_pasted_link_shows_the_same_rows_and_the_same_form(
    auditor, client_for, people, acme, pending_request
):
    found = auditor.get(
        f"{LOG}?event=request.opened&actor=&gate=prod-deploy&text=checkout",
        headers=HTMX,
    )
    address = found.headers["HX-Push-Url"]
    assert address == f"{LOG}?text=checkout&event=request.opened&gate=prod-deploy"

    pasted = text(client_for(people.security).get(address))

    assert shown(pasted) == shown(text(found)) != []
    assert 'value="prod-deploy"' in pasted
    assert re.search(r'value="request.opened"[^>]*checked', pasted)


def test_pages_skip_and_repeat_nothing_while_the_log_grows(auditor, acme):
    seed_log.seed(acme, 130)
    before = numbers(acme)
    seen, page = [], text(auditor.get(LOG))
    for _ in range(10):
        seen += shown(page)
        seed_log.seed(acme, 7)  # somebody ships while the auditor reads
        older = older_of(page)
        if not older:
            break
        page = text(auditor.get(older))
    assert seen == before

    back = []
    while newer := re.search(r'rel="prev" href="([^"]+)"', page):
        page = text(auditor.get(LOG + newer[1].replace("&amp;", "&")))
        back = shown(page) + back
        seed_log.seed(acme, 3)
    assert (
        back[-1]
        == seen[len(seen) - len(shown(text(auditor.get(older_of_all(seen)))))] + 1
    )
    assert back == list(range(back[0], back[-1] - 1, -1)), "no gap and nothing twice"
    assert back[0] > before[0], "what came meanwhile is reached"


def older_of_all(seen):
    """The address of the last page that was read forwards."""
    return f"{LOG}?before={seen[50 * ((len(seen) - 1) // 50) - 1]}"


def test_new_entries_are_told_and_push_no_row(auditor, acme):
    page = text(auditor.get(LOG))
    poll = re.search(r'id="fresh" hx-get="([^"]+)"', page)[1].replace("&amp;", "&")
    assert auditor.get(poll, headers=HTMX).status_code == 204

    for name in ("one", "two", "three", "four"):
        factories.gate(acme, name)

    told = text(auditor.get(poll, headers=HTMX))
    assert "4 new entries." in told
    assert f'<a href="{LOG}?">Show</a>' in told
    again = re.search(r'hx-get="([^"]+)"', told)[1].replace("&amp;", "&")
    assert auditor.get(again, headers=HTMX).status_code == 204
    assert auditor.get(again).headers["Location"] == LOG, "without htmx: the page"


def test_only_new_entries_that_the_filter_shows_are_told(auditor, acme):
    page = text(auditor.get(LOG, {"event": "token.issued"}))
    poll = re.search(r'id="fresh" hx-get="([^"]+)"', page)[1].replace("&amp;", "&")
    made = factories.gate(acme, "one")
    assert auditor.get(poll, headers=HTMX).status_code == 204
    factories.token(made)
    assert "1 new entry." in text(auditor.get(poll, headers=HTMX))


def test_an_older_page_is_not_told_of_new_entries(auditor, acme):
    assert 'id="fresh"' not in text(auditor.get(LOG, {"before": 9}))


@pytest.mark.parametrize("entries", [1, 120])
def test_a_page_of_the_log_takes_few_queries_however_long_it_is(
    auditor, acme, pending_request, entries
):
    seed_log.seed(acme, entries)
    filters = {"text": "gate", "gate": "prod-deploy", "since": "2026-01-01"}
    for asked in ({}, {"before": 12}, filters):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            auditor.get(LOG, asked)
        assert own(queries) <= OWN_AT_MOST, asked


OWN_AT_MOST = 13  # one of them only where a gate is filtered by: its requests
OURS = (
    "auditentry",
    "chainhead",
    "logstanding",
    "checkpoint",
    "bg_now",
    'breakglass_gate"',
)


def own(queries):
    """How many of them are the page's own and not the frame's."""
    return sum(any(one in query["sql"] for one in OURS) for query in queries)
