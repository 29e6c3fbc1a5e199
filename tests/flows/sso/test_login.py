"""Single sign-on: our identity row says who that is, and nothing else does."""

from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken

from breakglass.actors import OPERATOR
from breakglass.models import AuditEntry, User
from breakglass.services.people import accounts as person_services
from breakglass.services.people import identities
from portal.http.accounts import adapter
from tests import fakeidp
from tests.flows.sso.steps import STEPUP, at_the_provider, come_back, decide, text

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/oidc/fake/login/"
REFUSED = "/accounts/oidc/refused"


def sign_in(client, path=LOGIN):
    answer = client.get(path)
    assert answer.status_code == 302
    back = come_back(client, at_the_provider(answer.headers["Location"]))
    if back.headers["Location"] == REFUSED:  # away from the address with the code
        return client.get(REFUSED)
    return back


def who(client):
    key = client.session.get("_auth_user_id")
    return User.objects.get(pk=key) if key else None


def test_the_login_page_offers_each_provider_and_the_password(client, provider):
    page = text(client.get("/accounts/login/?next=/inbox"))

    assert "Continue with Fake ID" in page
    assert f"{LOGIN}?process=login&next=%2Finbox" in page
    assert 'name="password"' in page
    assert page.index("Continue with") < page.index('name="password"')


def test_without_a_provider_there_is_only_the_password(client, db):
    page = text(client.get("/accounts/login/"))
    assert "Continue with" not in page
    assert client.get(LOGIN).status_code == 404


def test_a_row_of_the_database_adds_no_provider(client, provider):
    SocialApp.objects.create(
        provider="openid_connect", provider_id="evil", name="Evil", client_id="x"
    )
    assert "Evil" not in text(client.get("/accounts/login/"))
    assert client.get("/accounts/oidc/evil/login/").status_code == 404


def test_a_linked_person_is_signed_in_with_pkce(client, acme, people, link, idp):
    link(people.peer, "sub-peer")

    answer = sign_in(client, f"{LOGIN}?next=/inbox")

    assert answer.headers["Location"] == "/inbox"
    assert who(client) == people.peer
    assert idp.asked[0]["code_challenge_method"] == "S256"
    assert set(idp.asked[0]["scope"].split()) == {"openid", "email"}
    assert client.get("/inbox").status_code == 200


def test_nothing_of_allauths_own_is_stored(client, acme, people, link):
    link(people.peer, "sub-peer")
    sign_in(client)

    assert who(client) == people.peer
    for model in (SocialAccount, SocialToken, SocialApp):
        assert not model.objects.exists(), model


def test_what_allauth_would_believe_is_not_believed(client, acme, people, link):
    SocialAccount.objects.create(user=people.admin, provider="fake", uid="sub-peer")
    answer = sign_in(client)
    assert answer.status_code == 403
    assert who(client) is None

    link(people.peer, "sub-peer")
    sign_in(client)
    assert who(client) == people.peer


def test_single_sign_on_alone_never_signs_a_decision(
    client, people, link, pending_request
):
    """The provider may have let an old session of its own through."""
    link(people.peer, "sub-peer")
    sign_in(client)

    assert adapter.AUTHENTICATED_AT not in client.session
    assert decide(client, pending_request).startswith(STEPUP)


def test_a_stranger_is_refused_with_what_an_admin_needs(client, acme, idp, provider):
    idp.person = "nobody"
    before = User.objects.count()

    answer = sign_in(client)

    assert answer.status_code == 403
    page = text(answer)
    assert "not linked to anybody here" in page
    assert "sub-nobody" in page
    assert client.get(REFUSED).headers["Location"] == "/accounts/login/", "said once"
    assert idp.issuer in page
    assert who(client) is None
    assert User.objects.count() == before, "no login makes an account"


def test_the_same_subject_of_another_issuer_is_a_stranger(
    client, acme, people, provider
):
    words = {"issuer": "https://another.example", "subject": "sub-peer"}
    identities.link(user=people.peer, actor=OPERATOR, **words)

    assert sign_in(client).status_code == 403


def test_somebody_switched_off_is_refused(client, acme, people, link):
    link(people.peer, "sub-peer")
    person_services.deactivate(user=people.peer, actor=OPERATOR)

    answer = sign_in(client)

    assert answer.status_code == 403
    assert "switched off" in text(answer)
    assert who(client) is None


def test_an_address_links_only_where_the_provider_is_trusted_with_it(
    client, acme, people, provider
):
    assert sign_in(client).status_code == 403
    provider(link_by_email=True)

    sign_in(client)

    assert who(client) == people.peer
    assert AuditEntry.objects.get(event="identity.linked").actor == people.peer.email


@pytest.mark.parametrize(
    "claims",
    [{"email_verified": False}, {"email_verified": "true"}, {"email": None}],
)
def test_an_address_that_is_not_verified_links_nobody(
    client, acme, provider, idp, claims
):
    provider(link_by_email=True)
    idp.extra_claims = claims

    assert sign_in(client).status_code == 403
    assert who(client) is None


def test_an_identity_that_was_unlinked_does_not_come_back(
    client, acme, people, provider, link
):
    provider(link_by_email=True)
    gone = link(people.peer, "sub-peer")
    identities.unlink(identity_id=gone.pk, reason="Stolen", actor=OPERATOR)

    assert sign_in(client).status_code == 403


UNPROVEN = [
    *(mode for mode in fakeidp.CLAIMS if not any(
        word in mode for word in ("auth_time", "nonce", "stale", "old", "tomorrow",
                                  "two audiences", "wrong sub"))),
    *(mode for mode in fakeidp.SIGNATURES if mode != "no answer"),
    "cancel", "server error", "state mismatch", "no state",
]  # fmt: skip


@pytest.mark.parametrize("mode", UNPROVEN)
def test_what_proves_nothing_signs_nobody_in(client, acme, people, link, idp, mode):
    link(people.peer, "sub-peer")
    idp.mode = mode

    answer = sign_in(client)

    assert answer.headers["Location"] == "/accounts/login/"
    page = text(client.get("/accounts/login/"))
    assert "Problem:" in page or "Single sign-on does not work now." in page
    assert who(client) is None


def test_a_link_to_the_login_adds_no_scope_and_connects_nothing(
    client, acme, people, link, idp
):
    link(people.peer, "sub-peer")
    answer = client.get(
        f"{LOGIN}?process=connect&scope=admin&auth_params=prompt%3Dnone&next=/inbox"
    )
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert set(asked["scope"][0].split()) == {"openid", "email"}
    assert "prompt" not in asked

    client.force_login(people.oncall)
    sign_in(client, f"{LOGIN}?process=connect")
    assert who(client) == people.peer, "whoever signed in there, and nobody is joined"
    assert people.oncall.identities.count() == 0


def test_allauths_pages_to_connect_and_to_sign_up_are_not_there(client_for, people):
    client = client_for(people.peer)
    for path in ("3rdparty/", "social/connections/", "signup/", "social/signup/"):
        assert client.get(f"/accounts/{path}").status_code == 404, path


def test_a_provider_that_does_not_answer_leads_back_to_the_password(client, provider):
    with fakeidp.running() as gone:
        issuer = gone.issuer
    provider(issuer=issuer)

    answer = client.get(LOGIN)

    assert answer.headers["Location"] == "/accounts/login/"
    page = text(client.get("/accounts/login/"))
    assert "Fake ID did not answer as it should." in page


def test_only_get_leads_there_and_back(client, provider):
    assert client.post(LOGIN).status_code == 405
    assert client.post(f"{LOGIN}callback/").status_code == 405
