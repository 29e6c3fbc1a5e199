"""BREAKGLASS_OIDC_PROVIDERS: read once, and wrong in plain words."""

import json

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.settings.providers import is_safe_url, parse

GOOD = {
    "id": "okta",
    "name": "Okta",
    "issuer": "https://acme.okta.example",
    "client_id": "breakglass",
    "client_secret": "s3cret",
}


def read(*providers):
    return parse(json.dumps(providers))


def changed(**fields):
    made = {**GOOD, **fields}
    return {key: value for key, value in made.items() if value is not None}


def test_nothing_is_no_provider():
    assert parse("") == parse("[]") == ()


def test_a_provider_is_read_with_its_usual_switches():
    (okta,) = read(GOOD)

    assert (okta.id, okta.name, okta.issuer) == ("okta", "Okta", GOOD["issuer"])
    assert (okta.auth_time, okta.link_by_email, okta.fulcio) == (True, False, False)
    assert okta.discovery_url == f"{GOOD['issuer']}/.well-known/openid-configuration"
    assert "s3cret" not in repr(okta)


def test_an_issuer_that_ends_with_a_slash_stays_as_it_is():
    (found,) = read(changed(issuer="https://idp.example/realm/"))

    assert found.issuer == "https://idp.example/realm/"
    assert found.discovery_url == (
        "https://idp.example/realm/.well-known/openid-configuration"
    )


def test_the_secret_may_stand_in_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    (found,) = read(changed(client_secret=None, client_secret_file=str(file)))

    assert found.client_secret == "from a file"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("{}", "must be a JSON list"),
        ("[1]", "provider 1 must be an object"),
    ],
)
def test_what_is_no_list_of_objects_is_refused(text, said):
    with pytest.raises(ImproperlyConfigured, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": "Okta!"}, "short slug"),
        ({"id": "stepup"}, "short slug"),
        ({"id": None}, "id must be a text"),
        ({"name": ""}, "name must be a text"),
        ({"name": 7}, "name must be a text"),
        ({"issuer": "http://idp.example"}, "issuer must be the https address"),
        ({"issuer": "https://idp.example?x=1"}, "issuer must be the https address"),
        ({"issuer": "https://u:p@idp.example"}, "issuer must be the https address"),
        ({"client_id": None}, "client_id must be a text"),
        ({"client_secret": None}, "either client_secret or client_secret_file"),
        ({"client_secret_file": "/x"}, "either client_secret or client_secret_file"),
        (
            {"client_secret": None, "client_secret_file": "/nowhere"},
            "cannot be read",
        ),
        ({"auth_time": "yes"}, "auth_time must be true or false"),
        ({"fulcio": 1}, "fulcio must be true or false"),
        ({"scopes": []}, "unknown key: scopes"),
    ],
)
def test_a_wrong_provider_is_named_with_what_is_wrong(fields, said):
    with pytest.raises(ImproperlyConfigured, match=f"provider 2.*{said}"):
        read(changed(id="first", issuer="https://first.example"), changed(**fields))


@pytest.mark.parametrize("name", ["id", "issuer"])
def test_two_providers_differ(name):
    other = {"id": "other", "issuer": "https://other.example", name: GOOD[name]}
    with pytest.raises(ImproperlyConfigured, match=f"the same {name} twice"):
        read(GOOD, changed(**other))


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://idp.example/auth?x=1", True),
        ("http://127.0.0.1:9000/auth", True),
        ("http://localhost/auth", True),
        ("http://idp.example/auth", False),
        ("javascript:alert(1)", False),
        ("https://", False),
        ("https://[", False),
        ("https://idp.example/#x", False),
        (None, False),
    ],
)
def test_only_https_or_this_machine_is_safe(url, safe):
    assert is_safe_url(url) is safe
