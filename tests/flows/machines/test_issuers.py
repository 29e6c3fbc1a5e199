"""Keys are fetched by the clock alone, kept for a day, and never from just anywhere."""

import json
from datetime import timedelta

import pytest
from joserfc.jwk import ECKey, RSAKey

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.errors import InvalidInput, Unavailable
from breakglass.models import TokenIssuer
from breakglass.services.gates import issuers, machines
from breakglass.services.sweeps import SWEEPS
from breakglass.signing import issuers as room
from tests.conformance.api.gate_client import ask, assert_enforced

pytestmark = pytest.mark.django_db


@pytest.fixture
def issuer(bound):
    bound.issuer.refresh_from_db()
    return bound.issuer


@pytest.fixture
def token(platform, audience):
    return lambda: platform.token(platform.claims(audience))


def again(issuer, advance, seconds=61):
    advance(seconds)
    fetched = SWEEPS["fetch_identity_keys"]()
    issuer.refresh_from_db()
    return fetched


def test_a_request_fetches_nothing(bound, token, platform):
    platform.asked.clear()

    ask(token())
    ask(platform.token(platform.claims("x"), kid="unknown"))

    assert platform.asked == []


def test_an_unknown_key_is_refused_and_known_after_the_next_look(
    issuer, token, platform, advance
):
    platform.rsa, old = RSAKey.generate_key(2048, {"kid": "r2"}), platform.rsa
    try:
        platform.keys = [platform.rsa.as_dict(private=False)]
        made = platform.token(platform.claims("x"), kid="r2")
        assert_enforced(ask(made), status=401)
        issuer.refresh_from_db()
        assert issuer.wanted_at is None  # it was looked at a second ago

        advance(61)
        assert_enforced(ask(made), status=401)
        issuer.refresh_from_db()
        assert issuer.wanted_at is not None
        assert issuers.refresh_due() == 1
        issuer.refresh_from_db()
        assert issuer.wanted_at is None
        assert [key["kid"] for key in issuer.keys] == ["r2"]
    finally:
        platform.rsa = old


def test_a_flood_of_unknown_keys_asks_the_issuer_once_a_minute(
    issuer, platform, advance, django_assert_num_queries
):
    platform.asked.clear()
    advance(61)
    made = platform.token(platform.claims("x"), kid="unknown")
    for _ in range(3):
        ask(made)
        issuers.refresh_due()
    with django_assert_num_queries(1):
        ask(made)

    assert platform.asked.count("/keys") == 1


def test_keys_are_fetched_again_in_time_and_a_withdrawn_one_is_gone(
    issuer, token, platform, advance
):
    assert again(issuer, advance) == 0  # not yet due
    platform.keys = [platform.ec.as_dict(private=False)]
    assert again(issuer, advance, 15 * 60) == 1

    assert [key["kid"] for key in issuer.keys] == ["e1"]
    assert_enforced(ask(token()), status=401)


FAILURES = {
    "an error": (500, b"{}"),
    "a redirect": (302, b""),
    "no JSON": (200, b"<html>"),
    "a list": (200, b"[]"),
    "no keys": (200, b"{}"),
    "an empty list": (200, b'{"keys": []}'),
    "nested for ever": (200, b"[" * 100_000),
    "endless": (200, b'{"keys": "' + b"x" * 300_000 + b'"}'),
}


def test_a_failed_fetch_leaves_the_old_keys_for_a_day(
    issuer, platform, audience, advance, subtests
):
    kept = issuer.keys
    for name, answer in FAILURES.items():
        with subtests.test(name):
            platform.answer = answer
            assert again(issuer, advance, 901) == 0
            assert issuer.keys == kept
            assert issuer.trouble
            assert ask(fresh(platform, audience, issuer)).status_code == 200
    advance(24 * 3600)

    assert_enforced(ask(fresh(platform, audience, issuer)), status=401)
    platform.answer = None
    assert again(issuer, advance) == 1
    assert issuer.trouble == ""
    assert ask(fresh(platform, audience, issuer)).status_code == 200


def fresh(platform, audience, issuer):
    """A token of the database's present: these tests move its clock by hours."""
    now = int(clock.db_now().timestamp())
    made = platform.claims(audience, iat=now, nbf=now, exp=now + 300)
    return platform.token({**made, "jti": f"job-{now}-{issuer.trouble}"})


@pytest.mark.parametrize(
    "about",
    [
        {"issuer": "https://another.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://localhost:1/keys"},
        {"jwks_uri": "https://169.254.169.254/keys"},
        {"jwks_uri": "https://[::ffff:127.0.0.1]/keys"},
        {"jwks_uri": "https://user@127.0.0.1/keys"},
        {"jwks_uri": "https://100.64.0.1:8443/keys"},
    ],
)
def test_a_document_that_points_elsewhere_is_none(issuer, platform, advance, about):
    platform.about = about

    assert again(issuer, advance, 901) == 0
    assert issuer.trouble


def test_an_issuer_inside_the_network_is_not_called_unless_an_operator_lists_it(
    issuer, platform, settings, advance
):
    settings.IDENTITY_HOSTS = []
    platform.asked.clear()

    assert again(issuer, advance, 901) == 0

    assert platform.asked == []
    assert "may not be called" in issuer.trouble


def test_a_name_that_leads_inside_is_hung_up_on_before_a_byte_is_sent(platform):
    """What the name resolved to is looked at on the connection itself."""
    platform.asked.clear()
    with pytest.raises(Unavailable, match="cannot be reached"):
        room.fetch(
            platform.issuer,
            allow=lambda host, address: issuers._require_allowed(
                "name.example", address
            ),
            is_allowed_url=lambda _: True,
            deadline=timedelta(seconds=2),
        )
    assert platform.asked == []


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "token.actions.githubusercontent.com",
        "http://token.actions.githubusercontent.com",
        "http://127.0.0.2:80",
        "https://host:8443",
        "https://user:secret@host",
        "https://host/?a=b",
        "https://host/#a",
        "https://ho st",
        "https://höst.example",
        "https://" + "a" * 200,
        "https://host\\evil.example",
        "ftp://host",
    ],
)
def test_only_an_https_address_is_an_issuer(gate, audience, issuer):
    with pytest.raises(InvalidInput, match="https"):
        machines.add(
            gate=gate,
            kind="github_actions",
            issuer=issuer,
            audience=audience,
            claims={"repository_id": "1", "repository_owner_id": "2"},
            actor=OPERATOR,
        )
    assert not TokenIssuer.objects.exists()


def test_of_a_key_set_only_what_can_be_used_is_kept():
    good = RSAKey.generate_key(2048, {"kid": "good"})
    edges = ECKey.generate_key("P-256", {"kid": "ec", "alg": "ES256", "use": "sig"})
    as_dict = [key.as_dict(private=True) for key in (good, edges)]
    off_curve = {**edges.as_dict(private=False), "kid": "off", "y": "A" * 43}
    twice = RSAKey.generate_key(2048, {"kid": "twice"}).as_dict(private=False)
    bad = [
        {**good.as_dict(private=False), "kid": "small", "n": "x" * 171},
        ECKey.generate_key("P-384", {"kid": "p384"}).as_dict(private=False),
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
        {**good.as_dict(private=False), "kid": "enc", "use": "enc"},
        {**good.as_dict(private=False), "kid": "ps", "alg": "PS256"},
        {**good.as_dict(private=False), "kid": "ops", "key_ops": ["sign"]},
        {**good.as_dict(private=False), "kid": ""},
        {**good.as_dict(private=False), "kid": 7},
        {"kty": "RSA", "kid": "empty", "n": "", "e": ""},
        {"kty": ["RSA"], "kid": "list"},
        off_curve,
        twice,
        {**twice, "e": "Aw"},
        "text",
        None,
    ]

    kept = room.usable({"keys": [*bad, *as_dict]})

    assert [key["kid"] for key in kept] == ["good", "ec"]
    assert not any("d" in key for key in kept)
    assert json.loads(json.dumps(kept)) == kept
