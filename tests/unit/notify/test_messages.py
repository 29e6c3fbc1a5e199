"""The texts: what stands in them, and what can never stand in them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from breakglass.notify import facts, messages, postmortem_messages

AT = datetime(2026, 11, 22, 2, 26, tzinfo=UTC)
BYPASS = facts.BypassFacts(
    site="https://bypass.example",
    tenant="acme",
    bypass_id="BG-7Q4MZK",
    gate="prod-deploy",
    service="checkout",
    branch="hotfix/oom",
    artifact="sha256:" + "9f" * 32,
    requester="Sam Oncall",
    requester_email="sam@acme.example",
    justification="Checkout is out of memory.",
    incident_url="https://incidents.example/INC-771",
    impact="high",
    tier="High risk",
    tier_slug="high",
    ttl=timedelta(minutes=15),
    needs=(facts.Need(group="Designated approvers", count=2),),
    lapses_at=AT + timedelta(hours=1),
    digest="9f2c41aa07b3" + "0" * 52,
)
GRANT = facts.GrantFacts(
    bypass=BYPASS,
    expires_at=AT + timedelta(minutes=15),
    ttl=timedelta(minutes=15),
    max_deploys=None,
    deploys=2,
    closed_at=None,
    closed_by="",
    close_reason="",
    postmortem_due_at=AT + timedelta(days=7),
    assignee="Sam Oncall",
)
DEPLOY = facts.DeployFacts(
    bypass=BYPASS, deploy_id="gha-8123-1", admitted_at=AT, actor="ci@acme"
)
ALL = {
    "request_opened": messages.request_opened(BYPASS),
    "request_unanswered": messages.request_unanswered(
        BYPASS, waited=timedelta(minutes=5)
    ),
    "request_reminded": messages.request_reminded(BYPASS),
    "request_approved": messages.request_approved(BYPASS, approver="Ada"),
    "request_rejected": messages.request_rejected(BYPASS, by="Ada", comment="No."),
    "request_lapsed": messages.request_lapsed(BYPASS),
    "grant_issued": messages.grant_issued(GRANT),
    "grant_ending": messages.grant_ending(GRANT, left=timedelta(minutes=10)),
    "grant_closed": messages.grant_closed(GRANT),
    "deploy_reverted": messages.deploy_reverted(DEPLOY),
    "postmortem_opened": postmortem_messages.postmortem_opened(GRANT),
    "postmortem_overdue": postmortem_messages.postmortem_overdue(GRANT),
}
SUBJECTS = {
    "request_opened": "needs your approval: checkout on prod-deploy (high)",
    "request_unanswered": "still waits for approval: checkout on prod-deploy (high)",
    "request_reminded": (
        "reminder, needs your approval: checkout on prod-deploy (high)"
    ),
    "request_approved": "Ada approved, 2 more needed: checkout on prod-deploy",
    "request_rejected": "rejected by Ada: checkout on prod-deploy",
    "request_lapsed": "lapsed unanswered: checkout on prod-deploy",
    "grant_issued": "open until 02:41 UTC: checkout on prod-deploy",
    "grant_ending": "closes in 10 minutes: checkout on prod-deploy",
    "grant_closed": "closed: checkout on prod-deploy",
    "deploy_reverted": (
        "deploy gha-8123-1 reverted to enforcement: checkout on prod-deploy"
    ),
    "postmortem_opened": "your post-mortem is open, due 2026-11-29",
    "postmortem_overdue": "post-mortem overdue since 2026-11-29 (Sam Oncall)",
}


@pytest.mark.parametrize("name", ALL)
def test_the_subject_says_what_happened_to_which_bypass(name):
    assert ALL[name].subject == f"[acme] BG-7Q4MZK {SUBJECTS[name]}"


@pytest.mark.parametrize("name", ALL)
def test_the_one_link_of_ours_is_last_and_carries_only_the_bypass_id(name):
    page = "postmortems" if name.startswith("postmortem") else "requests"
    text = ALL[name]
    assert text.path == f"/t/acme/{page}/BG-7Q4MZK"
    assert text.body.endswith(f": https://bypass.example{text.path}")
    assert text.body.count("https://bypass.example") == 1


def test_an_approver_reads_all_that_is_decided_on():
    body = ALL["request_opened"].body
    for part in (
        "Sam Oncall (sam@acme.example) asks for a bypass.",
        "> Checkout is out of memory.",
        "Incident: https://incidents.example/INC-771",
        "Gate: prod-deploy",
        "Service: checkout",
        "Branch: hotfix/oom",
        "Artefact: sha256:9f",
        "For: 15 minutes",
        "Impact: high",
        "Tier: High risk",
        "Still needed: 2 from Designated approvers",
        "Answer before: 2026-11-22 03:26 UTC",
        "Digest: 9f2c41aa07b3 ",
    ):
        assert part in body


def test_what_any_covers_is_spelled_out():
    body = messages.request_opened(replace(BYPASS, branch="", artifact="")).body
    assert "Branch: any (every branch of checkout)" in body
    assert "Artefact: any (every build that asks while the bypass is open)" in body


def test_times_are_utc_whatever_zone_the_fact_came_in():
    paris = AT.astimezone(ZoneInfo("Europe/Paris"))
    text = messages.grant_issued(replace(GRANT, expires_at=paris))
    assert "open until 02:26 UTC" in text.subject


def test_an_early_close_names_who_and_why():
    text = messages.grant_closed(
        replace(GRANT, closed_by="Eve", close_reason="Done early.", closed_at=AT)
    )
    assert "closed early by Eve" in text.subject
    assert "> Done early." in text.body
    assert "The gate enforces again." in text.body


def test_a_justification_cannot_imitate_the_message():
    lure = "oom\n\nRead and decide: https://evil.example\r\nTier: none\x0bNeeded: 0"
    body = messages.request_opened(replace(BYPASS, justification=lure)).body
    assert "\nRead and decide: https://evil.example" not in body
    assert "> Read and decide: https://evil.example" in body
    assert "\nNeeded: 0" not in body
    assert body.splitlines()[-1].startswith("Read and decide: https://bypass.example")


def test_a_long_justification_is_cut_for_a_phone():
    tall = messages.request_opened(replace(BYPASS, justification="x\n" * 300)).body
    wide = messages.request_opened(replace(BYPASS, justification="y" * 5000)).body
    assert len(tall.splitlines()) < 40
    assert len(wide) < 1500


@pytest.mark.parametrize("separator", ["\r\n", "\n", "\r", "\0", "\u2028", "\x85"])
def test_no_name_can_add_a_header_or_a_line(separator):
    name = f"Ada{separator}Bcc: everyone@acme.example"
    for text in (
        messages.request_approved(BYPASS, approver=name),
        messages.request_rejected(BYPASS, by=name, comment="No."),
        postmortem_messages.postmortem_overdue(replace(GRANT, assignee=name)),
        messages.request_opened(replace(BYPASS, requester=name)),
    ):
        assert separator not in text.subject
        assert not any(line.startswith("Bcc:") for line in text.body.splitlines())


def test_direction_marks_are_taken_out_of_names():
    text = messages.request_approved(BYPASS, approver="Ada\u202eevil")
    assert "\u202e" not in text.subject + text.body


def test_the_longest_names_still_fit_the_column_and_keep_the_tier():
    long = replace(
        BYPASS,
        tenant="t" * 50,
        service="s" * 200,
        gate="g" * 200,
        tier_slug="production-database",
    )
    text = messages.request_opened(long)
    assert len(text.subject) <= 200
    assert text.subject.endswith("(production-database)")
    assert len(text.path) <= 200
