"""Pages speak their reader's language; machines, and the next request, get English."""

import pytest
from django.conf import settings
from django.utils import translation

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"


def test_a_page_is_in_the_language_that_the_browser_asks_for(client):
    page = client.get(LOGIN, headers={"accept-language": "de-AT,de;q=0.9,en;q=0.5"})

    assert b'<html lang="de"' in page.content
    assert page.headers["Content-Language"] == "de"


def test_the_choice_of_the_person_goes_before_the_browsers(client):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"

    page = client.get(LOGIN, headers={"accept-language": "en"})

    assert b'<html lang="de"' in page.content


@pytest.mark.parametrize("asked", ["tlh", "", "de'><script>", "x" * 600])
def test_a_language_that_we_do_not_have_is_english(client, asked):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = asked

    page = client.get(LOGIN, headers={"accept-language": "tlh"})

    assert page.status_code == 200
    assert b'<html lang="en"' in page.content


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/api/docs"])
def test_what_machines_read_is_english(client, path):
    page = client.get(path, headers={"accept-language": "de"})

    assert page.headers["Content-Language"] == "en"


def test_nothing_of_a_language_is_left_behind_for_the_next_request(client):
    client.get(LOGIN, headers={"accept-language": "de"})

    assert translation.get_language() == "en"
    answer = client.post("/api/v1/decisions", headers={"accept-language": "de"})
    assert answer.json()["decision"] == "enforce"
    assert "Content-Language" not in answer.headers


def test_a_page_that_fails_is_in_the_readers_language_too(client):
    page = client.get("/no/such/page", headers={"accept-language": "de"})

    assert page.status_code in {302, 404}
    assert page.headers["Content-Language"] == "de"
