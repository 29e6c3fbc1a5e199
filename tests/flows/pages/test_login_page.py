"""The sign-in page says where it leads, and that a session ended."""

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


def text(answer):
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("/t/acme/requests/BG-7K2F9Q?sent=1#decision", "Sign in to see BG-7K2F9Q."),
        ("/t/nobody/requests/BG-000000", "Sign in to see BG-000000."),
        ("/t/acme/requests/BG-7K2F9Q/close", "Sign in to close BG-7K2F9Q."),
        ("/t/acme/postmortems/BG-7K2F9Q", "the post-mortem of BG-7K2F9Q."),
        ("/t/acme/requests/new?gate=prod", "Sign in to request a bypass."),
        ("/inbox", "Sign in to see your inbox."),
    ],
)
def test_the_sign_in_says_where_it_leads_from_the_address_alone(
    client, address, sentence, django_assert_num_queries
):
    with django_assert_num_queries(0):
        page = text(client.get(LOGIN, {"next": address}))

    assert sentence in page


@pytest.mark.parametrize(
    "address",
    ["", "/", "/nowhere", "https://evil.example/t/acme/requests/BG-7K2F9Q",
     "/t/acme/requests/Call-0800-now", "/profile"],
)  # fmt: skip
def test_the_sign_in_says_nothing_about_other_addresses(client, address):
    page = text(client.get(LOGIN, {"next": address}))

    assert "Sign in to see" not in page
    assert "0800" not in page.split("</h1>")[1].split("<form")[0]


def test_who_was_signed_out_meanwhile_reads_so_after_any_kind_of_page(
    client, people, pending_request
):
    page = f"/t/acme/requests/{pending_request.bypass_id}"
    client.force_login(people.peer)
    cookie = client.cookies["sessionid"].value
    for method, path in (("get", page), ("post", f"{page}/approve")):
        Session.objects.all().delete()
        client.cookies["sessionid"] = cookie
        to = getattr(client, method)(path).headers["Location"]

        assert to.startswith(f"{LOGIN}?next=")
        assert "data-signed-out>" in text(client.get(to))


def test_who_was_never_signed_in_is_not_told_of_a_sign_out(client, pending_request):
    for _ in range(2):  # the sign-in page itself may have begun a session
        to = client.get("/inbox").headers["Location"]
        assert to == f"{LOGIN}?next=/inbox"
        assert "data-signed-out hidden>" in text(client.get(to))
        client.post(reverse("passkey-login-options"))


def test_an_empty_sign_in_says_what_belongs_into_each_field(client, db):
    page = client.post(LOGIN, {}).content.decode()

    assert page.count("Enter your e-mail address") == 2  # above the form, at the field
    assert page.count("Enter your password") == 2
    assert "This field is required" not in page
