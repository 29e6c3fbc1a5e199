"""The page of one's sign-in codes: an authenticator app, and what is left without."""

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

CODES = "/accounts/2fa/"


def test_it_stands_among_the_pages_about_oneself(people, client_for):
    page = client_for(people.oncall).get(CODES).content.decode()

    assert '<a aria-current="page" href="/accounts/2fa/">' in page
    assert "Not set up" in page
    assert "Recovery codes" not in page  # nothing that they could stand in for


def test_with_an_app_it_says_how_many_codes_are_left(people, client_for):
    client = client_for(people.oncall)
    TOTP.activate(people.oncall, generate_totp_secret())
    RecoveryCodes.activate(people.oncall)

    page = client.get(CODES).content.decode()

    assert "10 codes are left" in page
    assert "/accounts/2fa/totp/deactivate/" in page
