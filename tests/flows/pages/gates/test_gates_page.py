"""Gates: health, tiers in words, and tokens that are shown once."""

import re

import pytest

from breakglass.models import AuditEntry, GateToken
from breakglass.services.gates import registry
from tests import factories

LIST = "/t/acme/gates"
PAGE = f"{LIST}/prod-deploy"
pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client_for, gate, people):
    return client_for(people.peer)


@pytest.fixture
def admin(client_for, gate, people):
    return client_for(people.admin)


def text(answer):
    return answer.content.decode()


def badge(client):
    """Returns the word of the one gate's state in the list."""
    found = re.findall(
        r'<span class="tag tag-\w+"><svg.*?</svg> ([\w ]+)</span>',
        text(client.get(LIST)),
        re.DOTALL,
    )
    assert len(found) == 1
    return found[0]


def test_the_list_says_how_each_gate_fares(member, acme, gate, advance):
    assert badge(member) == "No contact"
    registry.heartbeat(gate=gate, config_digest="sha256:1")
    assert badge(member) == "Healthy"
    advance(15 * 60)
    assert badge(member) == "Degraded"
    advance(24 * 3600)
    assert badge(member) == "No contact"
    registry.change(
        gate=gate,
        actor=factories.OPERATOR,
        name="Prod",
        environment="",
        data_class="",
        is_active=False,
    )
    assert badge(member) == "Paused"


@pytest.mark.django_db(transaction=True)
def test_a_bypassed_gate_is_red(client_for, people, active_grant):
    member = client_for(people.peer)
    assert "Bypassed" in text(member.get(LIST))
    assert "Bypassed" in text(member.get(PAGE))


def test_the_list_is_whole_a_part_and_whole_on_back(member):
    part = member.get(LIST, headers={"HX-Request": "true"})
    assert text(part).lstrip().startswith('<section id="rows"')
    back = member.get(
        LIST, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    )
    assert "<h1>Gates</h1>" in text(back)


def test_strangers_and_the_signed_out_get_nothing(client, client_for, charlie, gate):
    stranger = client_for(charlie)
    for path in (LIST, PAGE):
        assert stranger.get(path).status_code == 404
        assert client.get(path).headers["Location"].startswith("/accounts/login/")
    assert stranger.post(f"{PAGE}/tokens").status_code == 404
    assert client.post(f"{PAGE}/tokens").status_code == 302
    assert not GateToken.objects.exists()


def test_the_page_says_in_words_what_a_bypass_takes(member, database_gate):
    page = text(member.get(PAGE))
    assert "Applies when the impact is high." in page
    assert "Needs 2 from Designated approvers." in page
    assert "Applies to the rest." in page
    assert "Production database" not in page  # this gate has no such data
    page = text(member.get(f"{LIST}/db-migrate"))
    assert "Always applies." in page
    assert "Needs 1 from Named seniors and 1 from Designated approvers." in page


def test_the_recipe_names_this_gate_and_no_token(member, gate_token):
    page = text(member.get(PAGE))
    assert "curl -sS" in page
    assert "&quot;gate&quot;: &quot;prod-deploy&quot;" in page
    assert "bg_live_" not in page


def test_a_token_is_shown_once_and_on_no_other_page(admin):
    answer = admin.post(f"{PAGE}/tokens")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    token = re.search(r"bg_live_[A-Za-z0-9_-]{30,}", text(answer))[0]
    later = text(admin.get(PAGE))
    assert token not in later
    assert token[:12] in later
    entry = AuditEntry.objects.get(event="token.issued")
    assert entry.actor == "admin@acme.example"
    assert token.encode() not in bytes(entry.body)


def test_members_see_no_tokens_and_issue_none(member, gate_token):
    assert "Tokens</h2>" not in text(member.get(PAGE))
    assert member.post(f"{PAGE}/tokens").status_code == 403
    token = GateToken.objects.get()
    path = f"{PAGE}/tokens/{token.pk}/revoke"
    assert member.get(path).status_code == 403
    assert member.post(path).status_code == 403


def test_revoking_asks_first_and_then_it_is_over(admin, gate_token):
    token = GateToken.objects.get()
    path = f"{PAGE}/tokens/{token.pk}/revoke"
    assert "answered 401 at once" in text(admin.get(path))
    token.refresh_from_db()
    assert token.revoked_at is None
    assert admin.post(path).status_code == 302
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert "Revoked" in text(admin.get(PAGE))
    assert admin.post(path).status_code == 404


def test_another_gates_token_is_not_found(admin, acme, gate):
    other = factories.gate(acme, "other")
    factories.token(other)
    token = GateToken.objects.get()
    assert admin.post(f"{PAGE}/tokens/{token.pk}/revoke").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_reading_never_makes_a_token(admin):
    assert admin.get(f"{PAGE}/tokens").status_code == 405
    assert not GateToken.objects.exists()


def test_an_unknown_gate_is_not_found(admin):
    assert admin.get(f"{LIST}/nothing").status_code == 404
