"""Publishing a tier that asks for passkeys: the check counts who has one today."""

import pytest

from breakglass.queries import policies as queries
from breakglass.services.tenancy import policies
from portal.forms.policies import terms_in_words
from tests import authenticator
from tests.authenticator import DAY

pytestmark = pytest.mark.django_db


def warnings(draft):
    return [f.message for f in policies.check(policy=draft) if "passkey" in f.message]


def test_only_passkeys_that_can_approve_today_are_counted(acme, people, advance):
    draft = policies.new_draft(tenant=acme, author=None)
    draft.tiers.filter(slug="low").update(passkey_required=True)
    assert "0 of peers have one" in warnings(draft)[0]

    key = authenticator.enrol(people.peer)
    assert "0 of peers have one" in warnings(draft)[0]
    advance(DAY)
    assert warnings(draft) == []

    authenticator.remove(people.peer, key)
    assert "0 of peers have one" in warnings(draft)[0]


def test_the_words_of_a_tier_name_passkeys_and_the_fallback(acme):

    draft = policies.new_draft(tenant=acme, author=None)
    low = draft.tiers.filter(slug="low")
    plain = terms_in_words(queries.tier_rules(tier=low.get()))
    low.update(passkey_required=True, signing_outage="offline_quorum")

    said = terms_in_words(queries.tier_rules(tier=low.get()))

    assert "passkey" not in plain
    assert "Each approval needs a passkey." in said
    assert "While signing is down, 2 people with passkeys may open it" in said
