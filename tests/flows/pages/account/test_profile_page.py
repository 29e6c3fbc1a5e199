"""One's own page: choices that last, a message that arrives, sessions that end."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from breakglass.errors import InvalidInput, NotPermitted
from breakglass.models import Notification, User
from breakglass.services.people import preferences
from breakglass.services.telling import delivery
from portal.http.accounts.session_end import ENDS_AT
from tests import factories
from tests.flows.pages.test_frame import queries_of

pytestmark = pytest.mark.django_db
KOLKATA = {
    "time_zone": "Asia/Kolkata",
    "is_24_hour": "on",
    "language": "",
    "theme": "dark",
}


@pytest.fixture
def peer(client_for, acme, people):
    return client_for(people.peer)


def text(answer):
    return " ".join(answer.content.decode().split())


def test_strangers_to_the_portal_get_none_of_it(client):
    for path in ("/profile", "/profile/sessions"):
        assert client.get(path).headers["Location"].startswith("/accounts/login/")
    for path in ("/profile", "/profile/test-message", "/profile/sessions/end"):
        assert client.post(path).status_code == 302
    assert client.post("/preferences/shortcuts").status_code == 302
    assert client.post("/session/renew").status_code == 302


def test_it_says_who_one_is_within_one_s_own_teams(peer, client_for, charlie):
    page = text(peer.get("/profile"))
    assert "<strong>Peers</strong> of Acme" in page
    assert "0 passkeys" in page
    assert "peer@acme.example" in page
    assert "Acme" not in text(client_for(charlie).get("/profile"))
    assert queries_of(peer, "/profile") <= 20
    assert queries_of(peer, "/profile/sessions") <= 20


def test_times_stand_in_utc_and_in_the_chosen_zone(
    peer, people, acme, gate, pending_request
):
    assert peer.post("/profile", KOLKATA).status_code == 302
    row = User.objects.get(pk=people.peer.pk)
    assert (row.time_zone, row.theme, row.has_shortcuts) == (
        "Asia/Kolkata",
        "dark",
        False,
    )
    lapses = pending_request.lapses_at
    local = lapses + timedelta(hours=5, minutes=30)
    shown = text(peer.get(f"/t/acme/requests/{pending_request.bypass_id}"))
    day = "" if local.date() == lapses.date() else f"{local:%-d %b}, "
    assert f"{lapses:%H:%M} UTC ({day}{local:%H:%M} your time)" in shown
    assert 'data-keys="off"' in shown
    peer.post("/profile", {**KOLKATA, "is_24_hour": ""})
    shown = text(peer.get(f"/t/acme/requests/{pending_request.bypass_id}"))
    assert f"{local:%-I:%M %p} your time" in shown


def test_without_a_choice_the_browser_s_zone_counts_and_nonsense_does_not(
    peer, pending_request
):
    address = f"/t/acme/requests/{pending_request.bypass_id}"
    assert "your time" not in text(peer.get(address)).split("<template")[0]
    peer.cookies["tz"] = "../../etc/passwd"
    assert 'data-zone=""' in text(peer.get(address))
    peer.cookies["tz"] = "Asia/Kolkata"
    shown = text(peer.get(address))
    assert 'data-zone="Asia/Kolkata"' in shown
    assert "your time)</time>" in shown


def test_the_chosen_colours_and_language_outlive_the_sign_out_on_each_device(
    peer, client_for, people
):
    peer.post("/profile", {**KOLKATA, "language": "de"})
    elsewhere = client_for(people.peer)
    for device in (peer, elsewhere):
        device.get("/")
        device.post("/accounts/logout/")
        page = text(device.get("/accounts/login/"))
        assert 'data-bs-theme="dark"' in page
        assert 'lang="de"' in page
    assert 'data-bs-theme="dark"' not in text(Client().get("/accounts/login/"))


def test_what_there_is_none_of_is_refused(peer, people):
    answer = peer.post("/profile", {**KOLKATA, "time_zone": "Mars/Base"})
    assert answer.status_code == 422
    assert "There is a problem" in text(answer)
    chosen = preferences.of(user=people.peer)
    for wrong in ({"time_zone": "x"}, {"language": "xx"}, {"theme": "pink"}):
        values = {name: getattr(chosen, name) for name in chosen.__slots__}
        with pytest.raises(InvalidInput):
            preferences.choose(
                user=people.peer,
                chosen=preferences.Preferences(**{**values, **wrong}),
            )
    with pytest.raises(InvalidInput):
        preferences.choose_theme(user=people.peer, theme="pink")


def test_shortcuts_are_switched_in_the_list_of_keys_and_on_the_profile_alike(peer):
    peer.post("/preferences/shortcuts", {"shortcuts": "off", "next": "/inbox"})
    page = text(peer.get("/profile"))
    assert 'data-keys="off"' in page
    assert "Switch shortcuts on" in page
    assert (
        'name="has_shortcuts" class="form-check-input" id="id_has_shortcuts">' in page
    )


def test_a_test_message_really_goes_out_and_once_a_minute(peer, people, mailoutbox):
    for _ in range(2):
        assert peer.post("/profile/test-message").headers["Location"] == "/profile"
    delivery.drain()
    sent = Notification.objects.filter(subject__contains="Test message")
    assert [row.recipient for row in sent] == [people.peer]
    assert mailoutbox[-1].to == ["peer@acme.example"]


def test_who_is_in_no_team_is_told_why_there_is_no_message(client_for, db):
    loner = factories.person("loner@acme.example", "Loner")
    with pytest.raises(NotPermitted):
        preferences.send_test(user=loner)
    assert client_for(loner).post("/profile/test-message").status_code == 403


def test_sessions_are_listed_and_ended_and_only_one_s_own(
    peer, client_for, people, charlie
):
    phone, laptop = client_for(people.peer), client_for(people.peer)
    other = client_for(charlie)
    page = text(peer.get("/profile/sessions"))
    assert page.count("This device, now") == 1
    assert page.count("data-relative") == 3
    theirs = text(other.get("/profile/sessions"))
    assert theirs.count("data-relative") == 1

    place = page.split('name="place" value="')[1].split('"')[0]
    assert other.post("/profile/sessions/end", {"place": place}).status_code == 404
    assert peer.post("/profile/sessions/end", {"place": "x"}).status_code == 404
    assert peer.post("/profile/sessions/end", {"place": place}).status_code == 302
    alive = [one.get("/").status_code == 200 for one in (phone, laptop)]
    assert sorted(alive) == [False, True]

    peer.post("/profile/sessions/end", {"place": "others"})
    assert phone.get("/").status_code == laptop.get("/").status_code == 302
    assert peer.get("/").status_code == other.get("/").status_code == 200


def test_asking_again_and_again_does_not_prolong_a_session_and_its_person_does(peer):
    peer.get("/")
    end = peer.session[ENDS_AT]
    peer.get("/live", headers={"HX-Request": "true"})
    peer.get("/")
    assert peer.session[ENDS_AT] == end
    answer = peer.post("/session/renew", headers={"HX-Request": "true"})
    assert (answer.status_code, "bg:renewed" in answer.headers["HX-Trigger"]) == (
        204,
        True,
    )
    assert peer.session[ENDS_AT] > end

    session = peer.session
    session[ENDS_AT] = (timezone.now() - timedelta(seconds=1)).isoformat()
    session.save()
    assert peer.get("/").headers["Location"].startswith("/accounts/login/")


def test_a_form_that_comes_too_late_leads_back_to_its_page_after_the_sign_in(client):
    page = "http://testserver/t/acme/requests/BG-7Q4MZK?from=inbox"
    late = client.post("/t/acme/requests/BG-7Q4MZK/reject", headers={"Referer": page})
    assert late.headers["Location"] == (
        "/accounts/login/?next=%2Ft%2Facme%2Frequests%2FBG-7Q4MZK%3Ffrom%3Dinbox"
    )
    evil = client.post("/inbox", headers={"Referer": "https://evil.example/x"})
    assert evil.headers["Location"] == "/accounts/login/?next=%2F"
