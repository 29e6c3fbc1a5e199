"""The headline of the log, and "Check now"."""

import pytest

from breakglass.errors import Conflict, NotPermitted, SigningFailed
from breakglass.models import ChainHead, LogStanding
from breakglass.services import sweeps
from breakglass.services.logs import checks
from tests import factories

LOG = "/t/acme/audit"
CHECK = f"{LOG}/check"
STANDING = f"{LOG}/standing"
HTMX = {"HX-Request": "true"}
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.CHECKPOINT_DIR = str(tmp_path / "checkpoints")


@pytest.fixture
def auditor(client_for, acme, people):
    return client_for(people.auditor)


def text(answer):
    return " ".join(answer.content.decode().split())


def row(tenant):
    return LogStanding.objects.get(tenant=tenant)


def test_the_headline_says_how_long_the_log_is_and_what_the_check_came_to(
    auditor, acme
):
    size = ChainHead.objects.get(tenant=acme).seq
    assert f"{size} entries." in text(auditor.get(LOG))
    assert "The chain was not checked yet." in text(auditor.get(LOG))
    checks.check_new()
    assert "all verified</strong>" in text(auditor.get(LOG))
    factories.gate(acme, "newer")
    assert "verified but for 1 newer entry." in text(auditor.get(LOG))


def test_check_now_verifies_everything_in_the_background_and_shows_it(auditor, acme):
    assert auditor.post(CHECK).headers["Location"] == LOG
    page = text(auditor.get(LOG))
    assert "The whole log is being checked" in page
    assert "A check of the whole log is about to start" in page
    assert 'hx-trigger="bg:tick from:body"' in page

    assert sweeps.SWEEPS["check_asked_logs"]() == 0

    assert row(acme).asked_at is None
    assert row(acme).full_verified_size == ChainHead.objects.get(tenant=acme).seq
    page = text(auditor.get(STANDING, headers=HTMX))
    assert "all verified</strong>" in page
    assert "Last looked at from its first entry" in page


def test_the_sweep_leaves_logs_alone_that_nobody_asked_about(acme, monkeypatch):
    monkeypatch.setattr(checks, "verify_tenant", None)  # calling it would raise

    assert checks.check_asked() == 0


def test_progress_is_shown_while_it_runs(auditor, acme, people):
    checks.ask(tenant=acme, person=people.auditor)
    LogStanding.objects.update(check_done=16384, check_total=58213)

    page = text(auditor.get(STANDING, headers=HTMX))

    assert "Checking all of it: 16,384 of 58,213 entries" in page


def test_an_unchanged_headline_is_not_swapped(auditor, acme):
    page = text(auditor.get(LOG))
    version = page.split("/audit/standing?v=")[1].split('"')[0]
    assert auditor.get(STANDING, {"v": version}, headers=HTMX).status_code == 204
    factories.gate(acme, "newer")
    assert auditor.get(STANDING, {"v": version}, headers=HTMX).status_code == 200
    assert auditor.get(STANDING).headers["Location"] == LOG


def test_a_log_is_checked_once_a_minute_at_most(auditor, acme, people, advance):
    checks.ask(tenant=acme, person=people.auditor)
    first = row(acme).asked_at
    checks.ask(tenant=acme, person=people.security)
    assert row(acme).asked_at == first, "asked already: nothing changes"
    checks.check_asked()

    assert auditor.post(CHECK, follow=True).status_code == 200
    assert (
        "ask again in a minute" in text(auditor.get(LOG)) or row(acme).asked_at is None
    )
    with pytest.raises(Conflict):
        checks.ask(tenant=acme, person=people.auditor)
    advance(61)
    checks.ask(tenant=acme, person=people.auditor)
    assert row(acme).asked_at is not None


def test_a_refused_check_says_why(auditor, acme, people):
    checks.ask(tenant=acme, person=people.auditor)
    checks.check_asked()

    page = text(auditor.post(CHECK, follow=True))

    assert "ask again in a minute" in page


def test_a_wish_that_came_while_a_check_ran_is_kept(acme, people, monkeypatch, advance):
    checks.ask(tenant=acme, person=people.auditor)
    verify = checks.verify_tenant

    def _slow(**words):
        LogStanding.objects.update(asked_at=None)
        advance(61)
        checks.ask(tenant=acme, person=people.security)
        return verify(**words)

    monkeypatch.setattr(checks, "verify_tenant", _slow)
    checks.check_asked()

    assert row(acme).asked_by == people.security


def test_a_check_that_cannot_be_done_says_so_and_ends(
    auditor, acme, people, monkeypatch
):
    def _fails(**words):
        raise SigningFailed("the trust config is gone", stage="trust", retryable=True)

    monkeypatch.setattr(checks, "verify_tenant", _fails)
    checks.ask(tenant=acme, person=people.auditor)
    checks.check_asked()

    assert row(acme).asked_at is None
    assert "could not be done: the trust config is gone" in text(auditor.get(LOG))


def test_a_check_that_breaks_off_ends_and_holds_up_no_other_log(
    acme, people, charlie, monkeypatch
):
    verify, globex = checks.verify_tenant, factories.tenant_of(charlie)

    def _breaks(*, tenant, **words):
        if tenant == acme:
            raise RuntimeError("odd")
        return verify(tenant=tenant, **words)

    monkeypatch.setattr(checks, "verify_tenant", _breaks)
    checks.ask(tenant=acme, person=people.auditor)
    factories.join(globex, charlie, "auditors")
    checks.ask(tenant=globex, person=charlie)
    with pytest.raises(RuntimeError):
        checks.check_asked()

    assert (row(acme).asked_at, row(globex).asked_at) == (None, None)
    assert row(acme).check_error == checks.FAILED
    assert row(globex).full_verified_at is not None


def test_who_may_not_read_the_log_may_not_have_it_checked(
    client, client_for, acme, people, charlie
):
    assert client.post(CHECK).headers["Location"].startswith("/accounts/login/")
    assert client_for(charlie).post(CHECK).status_code == 404
    assert client_for(people.peer).post(CHECK).status_code == 403
    for path in (STANDING, f"{LOG}/fresh"):
        assert client_for(charlie).get(path).status_code == 404
        assert client_for(people.peer).get(path).status_code == 403
    assert client_for(people.auditor).get(CHECK).status_code == 405
    with pytest.raises(NotPermitted):
        checks.ask(tenant=acme, person=people.peer)
    assert not LogStanding.objects.filter(asked_at__isnull=False).exists()
