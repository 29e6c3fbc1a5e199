"""The editor by sections: nothing is lost, and what is done around the text."""

import re
from html import unescape

import pytest

from breakglass.models import AuditEntry, PostMortem, PostMortemReview
from breakglass.rules.postmortem_body import split
from tests import factories
from tests.flows.pages.postmortems.test_postmortem_page import (
    LIST,
    closed,
    path,
    save,
    text,
    writer,
)

__all__ = ["closed", "path", "writer"]
pytestmark = pytest.mark.django_db(transaction=True)  # grants are really signed
FIELD = re.compile(r'name="(section|base|items_base|gate_base)" value="([^"]*)"')


def stored():
    return PostMortem.objects.get()


def part(key):
    return next(one.shown for one in split(stored().body) if one.key == key)


def shown_form(client, path):
    """The editor's fields as a browser would send them, the texts as lists."""
    page = text(client.get(path))
    found = [(name, unescape(value)) for name, value in FIELD.findall(page)]
    sent = {"section": [], "base": [], "body": []}
    for name, value in found:
        if name in sent:
            sent[name].append(value)
        else:
            sent[name] = value
    areas = re.findall(r'name="body"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    sent["body"] = [unescape(area) for area in areas]
    assert len(sent["body"]) == len(sent["section"]) == len(sent["base"]) > 5
    sent |= {"line-when": [""], "line-what": [""]}
    return sent


def written(sent, **texts):
    """The same form with other words in some sections."""
    bodies = [
        texts.get(key.replace(" ", "_"), body)
        for key, body in zip(sent["section"], sent["body"], strict=True)
    ]
    return {**sent, "body": bodies}


COMPLETE = {
    "summary": "The cache ran full.",
    "why_a_bypass_was_needed": "The freeze held the fix.",
    "what_changes": "An alarm.",
}


def test_two_people_in_different_sections_and_in_the_same_one_lose_nothing(
    writer, client_for, people, path
):
    admin = client_for(people.admin)
    mine, theirs, late = (shown_form(one, path) for one in (writer, admin, admin))
    first = writer.post(path, written(mine, summary="The assignee's words."))
    assert first.status_code == 302
    assert admin.post(path, written(theirs, impact="All users.")).status_code == 302
    assert part("summary") == "The assignee's words."
    assert part("impact") == "All users."

    answer = admin.post(path, written(late, summary="The admin's words."))
    assert answer.status_code == 409
    page = unescape(text(answer))
    assert "Oncall saved this section at " in page
    assert "Your text is below, nothing is lost." in page
    assert "The assignee's words." in page
    assert "The admin's words." in page
    assert part("summary") == "The assignee's words."


def test_own_lines_join_the_timeline_and_signed_ones_are_only_left_out(writer, path):
    sent = shown_form(writer, path)
    page = text(writer.get(path))
    seq = re.search(r'name="hide" value="(\d+)"', page)[1]
    wrong = {**sent, "line-when": ["yesterday"], "line-what": ["Called."]}
    refused = writer.post(path, wrong)
    assert refused.status_code == 422
    assert "Write the time in UTC as 2026-11-25 02:04" in text(refused)
    good = {"line-when": ["2026-11-25 02:04"], "line-what": ["Called."], "hide": [seq]}
    assert writer.post(path, {**sent, **good}).status_code == 302
    assert "| 2026-11-25 02:04:00 UTC | Called. | |" in part("timeline")
    assert f"entry {seq} |" not in part("timeline")
    page = text(writer.get(path))
    assert 'value="Called."' in page
    assert f'value="{seq}" id="hide-{seq}" checked' in page


def test_publishing_from_the_editor_leads_to_what_is_missing(writer, path):
    sent = shown_form(writer, path)
    answer = writer.post(path, {**written(sent, summary="Full."), "publish": "1"})
    assert answer.status_code == 422
    page = text(answer)
    assert '<a href="#gate">Say whether the gate was at fault.</a>' in page
    assert '<a href="#items">Add at least one action item' in page
    assert "<title>Error: In progress" in page
    assert "Your text is saved." in page
    assert "Full." in page


def test_it_is_sent_to_review_and_published_by_the_reviewer(
    writer, client_for, people, path
):
    sent = {
        **written(shown_form(writer, path), **COMPLETE),
        "gate_blamed": "yes",
        "no_action_reason": "It is fixed.",
        "send": "1",
    }
    nobody = writer.post(path, sent)
    assert nobody.status_code == 422
    assert "Choose who reviews it." in text(nobody)
    sent = {**shown_form(writer, path), "gate_blamed": "yes", "send": "1"}
    sent |= {"no_action_reason": "It is fixed."}
    sent["reviewers"] = [str(people.peer.public_id)]
    assert writer.post(path, sent).status_code == 302
    reviewer = client_for(people.peer)
    page = text(reviewer.get(path))
    assert "Your review" in page
    assert "In review" in page
    assert f'<form method="post" action="{path}/review">' in page  # without JavaScript
    asked = reviewer.post(f"{path}/review", {"outcome": "changes_asked"}, follow=True)
    assert "Say what should change." in text(asked)
    assert PostMortemReview.objects.get().ended_at is None
    done = {"outcome": "done", "revision": stored().revision}
    assert reviewer.post(f"{path}/review", done).status_code == 302
    assert stored().state == "published"
    assert stored().gate_blamed == "yes"


def test_it_is_handed_over_and_the_old_owner_only_reads(writer, people, path):
    page = text(writer.get(path))
    assert f'<form method="post" action="{path}/hand-over">' in page  # no JavaScript
    assert f'value="{people.peer.public_id}"' in page
    to = {"to": str(people.peer.public_id), "note": "On leave."}
    assert "Handed over." in text(writer.post(f"{path}/hand-over", to, follow=True))
    assert 'name="body"' not in text(writer.get(path))
    odd = writer.post(f"{path}/hand-over", {"to": "x"}, follow=True)
    assert "Choose who takes it over." in text(odd)


def test_after_the_publication_items_are_ticked_and_notes_added(
    writer, client_for, people, path
):
    sent = {
        "publish": "1",
        "items-0-text": "Alarm",
        "items-0-link": "https://t.example/1",
    }
    assert save(writer, path, **sent).status_code == 302
    assert stored().gate_blamed == "unknown"
    assert writer.post(f"{path}/items/1", {"done": "1"}).status_code == 302
    assert stored().action_items.get().is_done
    peer = client_for(people.peer)
    assert peer.post(f"{path}/items/1", {"done": "0"}).status_code == 403
    noted = peer.post(f"{path}/notes", {"text": "It <b>rang</b>."}, follow=True)
    assert "It &lt;b&gt;rang&lt;/b&gt;." in text(noted)
    assert "print-only" in text(noted)


def test_what_is_typed_comes_back_until_it_is_saved_or_thrown_away(
    writer, client_for, people, path
):
    sent = written(shown_form(writer, path), summary="Half a sent")
    entries = AuditEntry.objects.count
    writer.get(path)
    before = entries()
    assert writer.post(f"{path}/keep", sent).status_code == 204
    assert entries() <= before + 1  # the opening, where no sweep had run
    assert "Half a sent" in text(writer.get(path))
    assert "Half a sent" not in text(client_for(people.admin).get(path))
    writer.post(f"{path}/discard")
    assert "Half a sent" not in text(writer.get(path))


def test_a_number_of_thousands_of_digits_is_no_number(writer, client_for, people, path):
    digits = "1" * 5000
    sent = {"preview": digits, "body": "x"}
    assert writer.post(f"{path}/preview", sent).status_code == 200
    answer = writer.post(f"{path}/review", {"outcome": "done", "revision": digits})
    assert answer.status_code == 302
    auditor = client_for(people.auditor)
    answer = auditor.get(
        "/t/acme/audit/standing", {"seen": digits}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200


def test_strangers_and_the_signed_out_do_nothing_around_it(
    client, client_for, charlie, path
):
    for verb in ("review", "hand-over", "items/1", "notes", "keep", "discard"):
        address = f"{path}/{verb}"
        assert client_for(charlie).post(address).status_code == 404, verb
        assert client.post(address).headers["Location"].startswith("/accounts/login/")
        assert client.get(address).status_code in (302, 405), verb


def queries_of(client, address, counted):
    with counted as found:
        assert client.get(address).status_code == 200
    return len(found)


def test_pages_ask_the_same_for_one_row_and_for_several(
    writer, acme, people, gate, path, django_assert_max_num_queries, advance
):
    address = f"{LIST}?tab=all"
    writer.get(address)  # what the first visit alone asks is not the rows
    one = queries_of(writer, address, django_assert_max_num_queries(20))
    for service in ("a", "b", "c"):
        other = factories.request(acme, people.oncall, gate, service=service)
        factories.approve(other, people.peer)
    advance(16 * 60)
    assert queries_of(writer, address, django_assert_max_num_queries(20)) == one
    queries_of(writer, path, django_assert_max_num_queries(20))


def test_a_long_list_goes_on_where_the_page_before_ended(
    writer, acme, people, gate, path, monkeypatch
):
    monkeypatch.setattr("breakglass.queries.postmortems.drafting.PAGE", 1)
    other = factories.request(acme, people.oncall, gate, service="search")
    factories.approve(other, people.peer)
    first = text(writer.get(f"{LIST}?tab=all"))
    following = unescape(re.search(r'rel="next" href="([^"]+)"', first)[1])
    second = text(writer.get(LIST + following.removeprefix(LIST)))
    ids = [re.findall(r"data-row>[^<]*<", page) for page in (first, second)]
    assert [len(found) for found in ids] == [1, 1]
    assert 'rel="next"' not in second
    assert path.rpartition("/")[2] in first + second
    for odd in ("x", "2026-11-25~1", "2026-11-25T00:00:00+00:00~-1"):
        assert writer.get(f"{LIST}?after={odd}").status_code == 200
