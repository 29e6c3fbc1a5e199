"""A provider on this machine, and a person who has an identity there."""

from dataclasses import replace

import pytest
from django.core.cache import cache
from django.test import Client

from breakglass.actors import OPERATOR
from breakglass.services.people import identities
from portal.settings.providers import Provider
from tests import fakeidp


@pytest.fixture(scope="module")
def _idp():
    with fakeidp.running() as idp:
        yield idp


@pytest.fixture
def idp(_idp):
    """The provider, well behaved until told otherwise."""
    cache.clear()
    _idp.mode, _idp.person, _idp.discovery, _idp.extra_claims = "", "peer", {}, {}
    _idp.asked.clear()
    _idp.told.clear()
    return _idp


@pytest.fixture
def provider(idp, settings):
    """Makes it the one that the portal is set up with; returns a way to change it."""

    def _set(**fields):
        made = Provider(
            id="fake",
            name="Fake ID",
            issuer=idp.issuer,
            client_id=fakeidp.CLIENT_ID,
            client_secret=fakeidp.CLIENT_SECRET,
        )
        settings.OIDC_PROVIDERS = (replace(made, **fields),)
        return settings.OIDC_PROVIDERS[0]

    _set()
    return _set


@pytest.fixture
def link(provider, idp):
    """Links `sub-…` of the provider to a person."""

    def _link(user, subject):
        return identities.link(
            user=user, issuer=idp.issuer, subject=subject, actor=OPERATOR
        )

    return _link


@pytest.fixture
def signed_in():
    """Returns a browser with a session that is too old to sign anything."""

    def _browser(user):
        browser = Client()
        browser.force_login(user)
        return browser

    return _browser
