"""A write-up in sections: what two people change, and what the timeline vouches for."""

import pytest

from breakglass.errors import InvalidInput
from breakglass.rules.postmortem_answers import Choice, Item, choose, in_words
from breakglass.rules.postmortem_body import Edit, base_of, merge, split
from breakglass.rules.postmortem_timeline import Line, check_when, read, write

SIGNED = (
    Line("2026-11-25 02:00:00 UTC", "asked", 4),
    Line("2026-11-25 02:10:00 UTC", "opened", 9),
)
BODY = (
    "# BG-1\n\n## Summary\n\n_Three sentences._\n\n## Timeline\n\n"
    + write(lines=SIGNED, note="")
    + "\n\n## Impact\n\nMany.\n"
)


def edit(key, text, *, body=BODY, was_hidden=(), **more):
    section = next(part for part in split(body) if part.key == key)
    base = base_of(section=section, hidden=was_hidden)
    return Edit(key, section.heading, base, text, **more)


def merged(*edits, body=BODY, hidden=(), signed=SIGNED):
    return merge(body=body, hidden=hidden, edits=edits, signed=signed)


def keys(body):
    return [part.key for part in split(body)]


def test_sections_are_cut_at_second_level_headings_outside_of_fences():
    body = "a\n## One\n### Deeper\n```\n## no heading\n```\n## One ##\n"
    assert keys(body) == ["", "one", "one#2"]


def test_a_title_alone_is_not_for_editing():
    assert split("# BG-1\n\n## A\n")[0].is_title
    assert not split("# BG-1\n\nWords.\n## A\n")[0].is_title


def test_a_changed_section_is_stored_and_the_others_keep_their_bytes():
    body = merged(edit("summary", "It broke.")).body
    assert "## Summary\n\nIt broke.\n\n## Timeline" in body
    assert body.endswith("## Impact\n\nMany.\n")


def test_two_people_who_change_different_sections_both_win():
    theirs = merged(edit("impact", "All users.")).body
    both = merged(edit("summary", "It broke."), edit("impact", "Many."), body=theirs)
    assert both.clashes == ()
    assert "It broke." in both.body
    assert "All users." in both.body


def test_two_people_who_change_the_same_section_clash_with_both_texts():
    theirs = merged(edit("summary", "Theirs.")).body
    both = merged(edit("summary", "Mine."), body=theirs)
    [clash] = both.clashes
    assert (clash.mine, clash.theirs, clash.heading) == ("Mine.", "Theirs.", "Summary")


def test_two_people_who_write_the_same_do_not_clash():
    theirs = merged(edit("summary", "Same.")).body
    assert merged(edit("summary", "Same.\r\n"), body=theirs).clashes == ()


def test_a_section_that_is_gone_comes_back_when_it_was_changed():
    gone = "# BG-1\n\n## Impact\n\nMany."
    assert merged(edit("summary", "Mine."), body=gone).body.endswith(
        "Many.\n\n## Summary\n\nMine.\n\n"
    )
    assert merged(edit("summary", "_Three sentences._"), body=gone).body == gone


def test_an_open_fence_does_not_swallow_the_next_heading():
    body = merged(edit("summary", "```\ncode")).body
    assert keys(body) == ["", "summary", "timeline", "impact"]


def test_own_lines_stand_among_the_signed_ones_by_time():
    mine = Line("2026-11-25 02:05:00 UTC", "called | everybody")
    body = merged(edit("timeline", "", lines=(mine,))).body
    lines, note = read(next(p for p in split(body) if p.key == "timeline").text)
    assert lines == (SIGNED[0], mine, SIGNED[1])
    assert note == ""


def test_a_signed_line_cannot_be_reworded_only_left_out():
    forged = BODY.replace("| asked |", "| never asked |")
    again = merged(edit("timeline", "", body=forged, lines=()), body=forged)
    assert "never asked" not in again.body
    assert "| asked | entry 4 |" in again.body
    less = merged(edit("timeline", "", lines=(), hidden=(4,)))
    assert "entry 4" not in less.body
    assert less.hidden == (4,)
    back = merged(
        edit("timeline", "", body=less.body, was_hidden=(4,), hidden=(4,), lines=()),
        body=less.body,
        hidden=(4,),
    )
    assert "entry 4" not in back.body


def test_what_the_log_learned_later_joins_the_timeline():
    later = (*SIGNED, Line("2026-11-25 02:20:00 UTC", "ended", 12))
    assert "entry 12" in merged(edit("timeline", "", lines=()), signed=later).body


def test_two_timelines_clash_and_show_both():
    mine, theirs = Line("2026-11-25 02:05:00 UTC", "a"), Line("2026", "b")
    body = merged(edit("timeline", "", lines=(theirs,))).body
    [clash] = merged(edit("timeline", "", lines=(mine,)), body=body).clashes
    assert "| a |" in clash.mine
    assert "| b |" in clash.theirs


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-25 02:04", "2026-11-25 02:04:00 UTC"),
        (" 2026-11-25T02:04:05 ", "2026-11-25 02:04:05 UTC"),
        ("2026-11-25 02:04:05 UTC", "2026-11-25 02:04:05 UTC"),
    ],
)
def test_a_time_is_read_in_the_ways_people_write_it(typed, meant):
    assert check_when(typed) == meant


@pytest.mark.parametrize("typed", ["", "02:04", "2026-13-01 02:04", "2026-11-25 25:00"])
def test_what_is_no_time_is_refused(typed):
    with pytest.raises(InvalidInput, match="in UTC"):
        check_when(typed)


def test_an_answer_that_only_one_of_two_changed_stands():
    assert choose(mine="a", base="a", stored="b") is Choice.STORED
    assert choose(mine="b", base="a", stored="b") is Choice.STORED
    assert choose(mine="b", base="a", stored="a") is Choice.MINE
    assert choose(mine="b", base="a", stored="c") is Choice.CLASH


def test_action_items_read_as_a_list():
    item = Item("Alarm", "Ana", "2026-12-01", "https://t/1", is_done=True)
    bare = Item("Scan", "", "", "", is_done=False)
    assert in_words(items=[item, bare], why=" Late. ") == (
        "- [x] Alarm (Ana, 2026-12-01, https://t/1)\n- [ ] Scan\nLate."
    )
