"""A tampered entry is red at the entry, in the list and on top of the log."""

import re

import pytest

from breakglass.models import LogStanding
from breakglass.services.logs import checks
from breakglass.services.telling import delivery
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
LOG = "/t/acme/audit"
GREEN = "tag-ok"


@pytest.fixture
def auditor(client_for, people):
    return client_for(people.auditor)


def text(answer):
    return " ".join(answer.content.decode().split())


def main_of(page):
    return page[page.index("<main") : page.index("</main>")]


def alter(story, forge, seq):
    forge(
        "UPDATE breakglass_auditentry SET actor = 'mallory@acme.example' "
        "WHERE tenant_id = %s AND seq = %s",
        [story.tenant.pk, seq],
    )


def failed_rows(page):
    found = re.findall(r'<tr class="row-failed">.*?audit/(\d+)"', page)
    return [int(seq) for seq in found]


def test_before_any_check_came_upon_it_the_pages_say_so_themselves(
    auditor, story, forge
):
    alter(story, forge, 3)

    page = text(auditor.get(LOG))
    assert failed_rows(page) == [3]
    assert "1 entry failed the check" in page
    assert f'<a href="{LOG}/3">See it</a>' in page
    assert "all verified" not in page
    poll = re.search(r'id="standing"[^>]*hx-get="([^"]+)"', page)[1]
    again = text(auditor.get(f"{LOG}/standing?seen=3", headers={"HX-Request": "true"}))
    assert "seen=3" in poll
    assert "1 entry failed the check" in again, "polling does not turn it green again"

    page = main_of(text(auditor.get(f"{LOG}/3")))
    assert page.index("alert-danger") < page.index("<h1>"), "the red box comes first"
    assert "The bytes match the hash: no." in page
    assert "Seen just now, as this page was made" in page
    assert "Nobody yet" in page
    assert GREEN not in page


def test_once_checked_it_says_since_when_and_who_was_told(
    auditor, story, forge, people
):
    alter(story, forge, 3)
    checks.ask(tenant=story.tenant, person=people.auditor)
    assert checks.check_asked() == 1
    delivery.drain()

    row = LogStanding.objects.get(tenant=story.tenant)
    assert row.bad_entries == [3]
    page = text(auditor.get(LOG))
    assert "1 entry failed the check" in page
    assert "The log of Acme does not verify" in page
    assert failed_rows(text(auditor.get(LOG, {"proof": "failed"}))) == [3]
    assert "Not checked" in text(auditor.get(LOG, {"proof": "unchecked"}))
    page = main_of(text(auditor.get(f"{LOG}/3")))
    assert "by the check of the log" in page
    assert f"{row.finding_at:%H:%M}" in page
    assert "Nobody yet" not in page
    assert str(people.auditor) in page
    assert GREEN not in page


def test_an_entry_whose_approval_row_was_forged_is_red_though_its_bytes_are_whole(
    auditor, story
):
    checks.check_new()
    LogStanding.objects.filter(tenant=story.tenant).update(
        finding="Entry 4 is not what its row says.",
        finding_seq=4,
        finding_at="2026-11-22T02:41:07Z",
        bad_entries=[4, 6],
    )

    page = text(auditor.get(LOG))
    assert failed_rows(page) == [6, 4]
    assert "2 entries failed the check" in page
    assert f'<a href="{LOG}?proof=failed">See them</a>' in page
    for seq in (4, 6):
        page = main_of(text(auditor.get(f"{LOG}/{seq}")))
        assert "This entry does not check out" in page
        assert GREEN not in page
    assert "Entry 4 is not what its row says." in main_of(text(auditor.get(f"{LOG}/4")))
    assert "This entry does not check out" not in text(auditor.get(f"{LOG}/2"))


def test_a_full_check_without_findings_turns_everything_green_again(
    auditor, story, people
):
    LogStanding.objects.update_or_create(
        tenant=story.tenant,
        defaults={
            "finding": "Entry 4 was broken.",
            "finding_seq": 4,
            "finding_at": "2026-11-22T02:41:07Z",
            "bad_entries": [4],
        },
    )
    checks.ask(tenant=story.tenant, person=people.auditor)
    checks.check_asked()

    page = text(auditor.get(LOG))
    assert "all verified" in page
    assert failed_rows(page) == []


def test_an_approval_shows_every_line_its_certificate_and_its_proof(auditor, story):
    seq = story.tenant.entries.filter(event="request.approved").first().seq
    page = main_of(text(auditor.get(f"{LOG}/{seq}")))

    for said in (
        "The stored bytes hash to",
        "Signed by peer@acme.example, over exactly what the entry names.",
        "It was issued to peer@acme.example, whom",
        "the inclusion proof was checked against a tree of",
        f"It carries the hash of entry {seq - 1}.",
        "Inclusion proof of the transparency log",
        "The signed statement",
        "The raw bundle",
        "Signed in for this",
        "Policy version",
        "--cert-identity peer@acme.example",
    ):
        assert said in page, said
    for name in ("hash", "command", "entry-json", "pem", "payload", "raw-bundle"):
        assert f'data-copy-from="#{name}"' in page
        assert f'id="{name}"' in page
    assert "Waiting for proof" not in page


def test_an_entry_that_no_checkpoint_covers_yet_says_what_it_waits_for(
    auditor, story, gate
):
    factories.token(gate)
    seq = story.tenant.entries.order_by("-seq").first().seq

    page = text(auditor.get(f"{LOG}/{seq}"))

    assert "Waiting for proof." in page
    assert "normally within a minute" in page


@pytest.mark.parametrize("event", ["request.approved", "gate.registered"])
def test_an_entry_takes_few_queries(
    auditor, story, event, django_assert_max_num_queries
):
    seq = story.tenant.entries.filter(event=event).first().seq
    auditor.get(f"{LOG}/{seq}")
    with django_assert_max_num_queries(20):
        auditor.get(f"{LOG}/{seq}")
