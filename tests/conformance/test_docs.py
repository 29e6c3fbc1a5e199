"""What the docs list is what there is: events with their facts, and settings."""

import ast
import json
import re
from pathlib import Path

from breakglass import outbox
from breakglass.audit import events

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "docs" / "audit-events.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"
ROW = re.compile(r"^\| `([a-z_.]+)` \| ([^|]+) \| (.+) \|$", re.MULTILINE)
CONVENTIONAL = {"DATABASE_URL", "REDIS_URL", "PORT"}


def rows():
    found = ROW.findall(EVENTS.read_text())
    return {
        event: (when, set(re.findall(r"`(\w+)`", facts)))
        for event, when, facts in found
    }


def test_every_event_has_a_row_that_says_when():
    assert len(ROW.findall(EVENTS.read_text())) == len(rows()), "a row stands twice"
    assert set(rows()) == events.ALL
    assert all(when.strip() for when, _ in rows().values())


def test_every_row_names_the_facts_of_its_golden_vector():
    golden = json.loads((ROOT / "tests/conformance/golden/entries.json").read_text())
    vectors = {v["content"]["event"]: set(v["content"]["facts"]) for v in golden}

    assert {event: facts for event, (_, facts) in rows().items()} == vectors


def test_every_event_is_written_by_some_service():
    """By its constant, in a call of the ledger or a plan that becomes one."""
    written = {
        getattr(events, node.attr)
        for file in (ROOT / "breakglass" / "services").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "events"
        and isinstance(getattr(events, node.attr, None), str)
    }

    assert events.ALL - written == set()


def test_no_service_spells_an_event_out():
    """Except where rows are read by their name, the constant is the only spelling."""
    writing = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in (ROOT / "breakglass" / "services").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.keyword)
        and node.arg == "event"
        and isinstance(node.value, ast.Constant)
        and node.value.value != ""
    ]

    assert writing == []


def read_by_the_settings():
    """Every variable named in an env call of portal/settings, or as a NAME constant."""
    names = set()
    for file in (ROOT / "portal" / "settings").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "env"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                names.add(node.args[0].value)
    return names


def test_every_variable_of_ours_has_our_prefix():
    assert {
        name
        for name in read_by_the_settings() - CONVENTIONAL
        if not name.startswith("BREAKGLASS_")
    } == set()


def documented():
    """The variables in the first cells of the tables."""
    cells = re.findall(r"^\| (`[^|]+) \|", CONFIGURATION.read_text(), re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([A-Z_]+)`", cell)]


def test_every_variable_that_the_settings_read_is_documented_once():
    assert read_by_the_settings() - set(documented()) == set()
    assert len(documented()) == len(set(documented()))


def test_the_configuration_names_no_variable_that_nobody_reads():
    code = "".join(
        file.read_text()
        for folder in ("portal", "breakglass")
        for file in (ROOT / folder).rglob("*.py")
    )

    assert [name for name in documented() if f'"{name}"' not in code] == []


def test_every_message_has_a_row_that_says_who_is_told():
    page = (ROOT / "docs" / "notifications.md").read_text()
    rows = re.findall(r"^\| `([a-z_.]+)` \| ([^|]+) \| ([^|]+) \|", page, re.MULTILINE)
    topics = {
        value
        for name, value in vars(outbox).items()
        if name.isupper() and isinstance(value, str) and "." in value
    }

    assert sorted(topic for topic, _when, _who in rows) == sorted(topics)
    assert all(when.strip() and who.strip() for _topic, when, who in rows)
