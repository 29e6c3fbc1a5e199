"""Post-mortems: who writes them, what is kept, and what blocks publishing."""

import pytest

from breakglass.models import AuditEntry, PostMortem
from breakglass.services import sweeps
from tests import factories

LIST = "/t/acme/postmortems"
pytestmark = pytest.mark.django_db(transaction=True)  # grants are really signed
FULL = (
    "# BG\n\n## Summary\n\nThe cache ran out of memory.\n\n"
    "## Why a bypass was needed\n\nThe freeze blocked the fix.\n\n"
    "## What changes\n\nAn alarm on memory.\n"
)


@pytest.fixture
def path(active_grant):
    return f"{LIST}/{active_grant.request.bypass_id}"


@pytest.fixture
def closed(active_grant, advance):
    """The window is over; no sweep has run, so the page stands on the predicate."""
    advance(16 * 60)
    return active_grant


@pytest.fixture
def writer(client_for, people, closed):
    return client_for(people.oncall)


def text(answer):
    return answer.content.decode()


def stored():
    return PostMortem.objects.get()


def save(client, path, **fields):
    return client.post(path, {"body": FULL, "revision": stored().revision, **fields})


def test_while_the_bypass_is_in_force_there_is_nothing_to_write(
    client_for, people, path
):
    shown = text(client_for(people.oncall).get(path))
    assert "The bypass is still in force" in shown
    assert "<textarea" not in shown
    assert save(client_for(people.oncall), path).status_code == 409


def test_it_opens_pre_filled_and_reading_writes_nothing(writer, path):
    shown = text(writer.get(path))
    assert "Checkout returns 5xx for a third of all users." in shown
    assert 'name="body"' in shown
    assert "Before it can be published" in shown
    assert stored().body == ""
    assert text(writer.get(LIST)).count("<tr") == 2


def test_the_lists_are_whole_parts_and_whole_again_on_back(
    writer, client_for, people, django_assert_max_num_queries
):
    part = writer.get(LIST, headers={"HX-Request": "true"})
    assert text(part).lstrip().startswith('<section id="rows"')
    back = writer.get(
        LIST, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    )
    assert "<h1>Post-mortems</h1>" in text(back)
    assert "You have no post-mortem to write" in text(client_for(people.peer).get(LIST))
    assert "Nothing is overdue" in text(writer.get(f"{LIST}?tab=overdue"))
    with django_assert_max_num_queries(20):
        writer.get(f"{LIST}?tab=all")


def test_strangers_and_the_signed_out_get_nothing(client, client_for, charlie, path):
    for one in (LIST, path):
        assert client_for(charlie).get(one).status_code == 404
        assert client.get(one).headers["Location"].startswith("/accounts/login/")
    for one in (path, f"{path}/preview", f"{path}/rows"):
        assert client_for(charlie).post(one, {"body": "x"}).status_code == 404


def test_a_member_reads_but_does_not_write(client_for, people, closed, path):
    peer = client_for(people.peer)
    assert "<textarea" not in text(peer.get(path))
    assert save(peer, path).status_code == 403
    assert "<textarea" in text(client_for(people.admin).get(path))


def test_saving_keeps_the_text_and_the_action_items(writer, path):
    answer = save(
        writer,
        path,
        **{
            "items-0-text": "Alarm at 80 %",
            "items-0-owner": "Ana",
            "items-1-text": "",
            "items-2-text": "Raise the limit",
            "items-2-is_done": "on",
        },
    )
    assert answer.status_code == 302
    assert stored().body == FULL.strip()
    assert [(i.text, i.owner, i.is_done) for i in stored().action_items.all()] == [
        ("Alarm at 80 %", "Ana", False),
        ("Raise the limit", "", True),
    ]
    shown = text(writer.get(path))
    assert 'value="Alarm at 80 %"' in shown
    assert "Saved." in shown


def test_the_preview_shows_safe_html_and_stores_nothing(writer, path):
    body = "## Hello\n\n<script>alert(1)</script> [x](javascript:alert(1))"
    whole = text(writer.post(f"{path}/preview", {"body": body}))
    assert "<h3>Hello</h3>" in whole
    assert "<script>alert" not in whole
    assert "&lt;script&gt;alert(1)" in whole
    assert "<h1>" in whole
    part = text(
        writer.post(f"{path}/preview", {"body": body}, headers={"HX-Request": "true"})
    )
    assert part.lstrip().startswith('<div id="preview"')
    assert stored().body == ""
    assert writer.get(f"{path}/preview").status_code == 405


def test_a_row_is_added_without_javascript_and_without_losing_text(writer, path):
    sent = {"body": "My words", "items-0-text": "First"}
    shown = text(writer.post(f"{path}/rows", sent))
    assert "My words" in shown
    assert 'value="First"' in shown
    assert 'name="items-1-text"' in shown
    part = text(writer.post(f"{path}/rows", sent, headers={"HX-Request": "true"}))
    assert part.lstrip().startswith('<div id="items"')
    assert stored().revision == 0


def test_publishing_says_everything_that_is_missing_and_keeps_the_text(writer, path):
    answer = save(writer, path, body="## Summary\n\nOnly this.", publish="1")
    assert answer.status_code == 422
    shown = text(answer)
    assert "There is a problem" in shown
    assert "Why a bypass was needed" in shown
    assert "Add at least one action item, or say why there is none." in shown
    assert "Only this." in shown
    assert f'name="revision" value="{stored().revision}"' in shown
    assert stored().state == "open"


def test_a_published_post_mortem_is_final_and_readable(writer, path, acme):
    sent = {"publish": "1", "no_action_reason": "The alarm exists now."}
    assert save(writer, path, **sent).status_code == 302
    shown = text(writer.get(path))
    assert 'name="body"' not in shown
    assert "<h3>Summary</h3>" in shown
    assert "The alarm exists now." in shown
    assert "data-print" in shown
    assert save(writer, path, body="again").status_code == 409
    assert AuditEntry.objects.filter(event="postmortem.published").count() == 1


def test_two_writers_lose_nothing(writer, client_for, people, path):
    seen = stored().revision
    save(client_for(people.admin), path, body="The admin's text")
    answer = writer.post(path, {"body": "The assignee's text", "revision": seen})
    assert answer.status_code == 409
    shown = text(answer)
    assert "The assignee&#x27;s text" in shown
    assert "The admin&#x27;s text" in shown
    assert stored().body == "The admin's text"
    again = {"body": "Both texts", "revision": stored().revision}
    assert writer.post(path, again).status_code == 302
    assert stored().body == "Both texts"


def test_malformed_text_comes_back_with_the_reason(writer, path):
    for sent in (
        {"body": ""},
        {"body": "x", "items-0-owner": "Ana"},
        {"body": "x", "items-0-text": "y" * 301},
        {"body": "with \x07 a bell"},
        {"body": "x", "revision": "-1"},
    ):
        assert writer.post(path, sent).status_code == 422, sent


def test_a_late_one_says_so_everywhere(writer, client_for, people, path, advance):
    advance(20 * 86400)
    assert "Overdue" in text(writer.get(path))
    late = text(client_for(people.peer).get(f"{LIST}?tab=overdue"))
    assert "Overdue" in late
    assert "days overdue" in late or "day" in late


def test_what_never_was_is_not_found(writer):
    assert writer.get(f"{LIST}/BG-000000").status_code == 404


def test_a_sweep_does_not_change_what_the_page_says(writer, path):
    before = "Checkout returns 5xx for a third of all users."
    assert not [done for done in sweeps.run_all() if done.error]
    assert before in text(writer.get(path))
    assert before in stored().body


def test_somebody_elses_request_has_its_own_page(writer, acme, people, gate):
    other = factories.request(acme, people.peer, gate, service="search")
    assert writer.get(f"{LIST}/{other.bypass_id}").status_code == 404
