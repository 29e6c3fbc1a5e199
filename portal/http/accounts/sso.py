"""
Single sign-on: allauth leads to the provider and back; who that is, we say.

Our own identities decide, and nothing else: allauth's rows of social accounts, tokens
and applications are neither written nor believed, so there is one truth. Its ID token
is verified by `portal.http.accounts.oidc.tokens`, signature and all.
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthError
from allauth.socialaccount.providers.openid_connect.views import (
    OpenIDConnectOAuth2Adapter,
)
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from breakglass import clock
from breakglass.errors import (
    BreakglassError,
    LogReadOnly,
    SignInRefused,
    Unavailable,
)
from breakglass.models import User
from breakglass.queries.people import accounts
from breakglass.services.people import identities
from breakglass.signing.transport import DeadlineAdapter, mount
from breakglass.texts import text
from portal.http.accounts.oidc import documents, provider_or_404, tokens
from portal.http.accounts.oidc.tokens import SignIn
from portal.http.errors import sentence
from portal.settings.providers import Provider

REFUSED: Final = "breakglass_sso_refused"
DOWN: Final = "breakglass_sso_down"
_SAID_FOR: Final = timedelta(minutes=5)
# OAuth 2.0, section 4.1.2.1: the provider says so itself.
_DOWN_ERRORS: Final = frozenset({"server_error", "temporarily_unavailable"})


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc] # untyped package
    """What we change of allauth's ways with providers."""

    def list_apps(
        self,
        request: HttpRequest | None,  # noqa: ARG002 - allauth's signature
        provider: str | None = None,
        client_id: str | None = None,
    ) -> list[SocialApp]:
        """Returns the providers of the settings; a row of the database adds none."""
        return [
            _app(p)
            for p in settings.OIDC_PROVIDERS
            if provider in {None, p.id, "openid_connect"}
            and client_id in {None, p.client_id}
        ]

    def get_requests_session(self) -> requests.Session:
        """Returns a session with one deadline; allauth's has one for each read."""
        session = requests.Session()
        session.max_redirects = 0
        mount(session, DeadlineAdapter(deadline=settings.OIDC_DEADLINE))
        session.hooks["response"].append(_require_working)
        return session

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Says who signed in, whatever allauth would have looked up; or refuses."""
        sign_in: SignIn = sociallogin.sign_in
        user = _person(sign_in)
        if user is None or not user.is_active:
            raise ImmediateHttpResponse(_stranger(request, sign_in, user))
        sociallogin.user = user

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Goes back to the login page and says why, for every failure in between."""
        state = (extra_context or {}).get("state") or {}
        wanted = _own_address(request, state.get("next"))
        says_so = bool(state) and request.GET.get("error") in _DOWN_ERRORS
        if says_so or isinstance(exception, requests.RequestException):
            raise ImmediateHttpResponse(down(request, no_answer(provider), wanted))
        if error == AuthError.CANCELLED:
            why = _("sign-in was cancelled.")
        elif exception is None:
            why = _("this sign-in was not started here, or took too long. Start again.")
        else:
            why = _("%(provider)s did not confirm the sign-in. Try again.") % {
                "provider": provider.name
            }
        raise ImmediateHttpResponse(back_to_login(request, why, wanted))


class VerifyingAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc] # untyped package
    """Allauth's way back, with addresses and ID token checked as for a decision."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's addresses, from a document that names the right issuer."""
        with documents.one_deadline() as session:
            found = documents.endpoints(self._provider(), session)
        in_body = ["client_secret_post"] if found.sends_secret_in_body else []
        return {
            "issuer": self._provider().issuer,
            "authorization_endpoint": found.authorization,
            "token_endpoint": found.token,
            "jwks_uri": found.keys,
            "token_endpoint_auth_methods_supported": in_body or ["client_secret_basic"],
        }

    def complete_login(
        self,
        request: HttpRequest,
        app: SocialApp,  # noqa: ARG002 - allauth's signature
        token: Any,  # noqa: ARG002 - allauth's signature
        **kwargs: Any,
    ) -> Any:
        """Verifies the ID token and hands it on; nobody asks for userinfo."""
        raw = kwargs["response"].get("id_token")
        provider = self._provider()
        if not isinstance(raw, str):
            msg = text(
                "%(provider)s did not confirm the sign-in", provider=provider.name
            )
            raise SignInRefused(msg)
        with documents.one_deadline() as session:
            sign_in = tokens.verify(
                provider=provider,
                raw=raw,
                find_key=lambda kid: documents.key_of(provider, session, kid),
                now=clock.db_now(),
                nonce=None,
            )
        claims = {"sub": sign_in.subject}
        login = self.get_provider().sociallogin_from_response(request, claims)
        login.sign_in = sign_in
        return login

    def _provider(self) -> Provider:
        return provider_or_404(self.provider_id)


def destination(request: HttpRequest) -> str:
    """Returns where a sign-in leads on to, going there or coming back."""
    states = statekit.get_states(request)
    stashed = states.get(request.GET.get("state", ""))
    wanted = stashed[0].get("next") if stashed else request.GET.get("next")
    return _own_address(request, wanted)


def back_to_login(request: HttpRequest, why: str, wanted: str = "") -> HttpResponse:
    """Returns to the login page with what went wrong; it leads on as before."""
    messages.error(request, why)
    return _to_login(wanted)


def down(request: HttpRequest, why: str, wanted: str) -> HttpResponse:
    """Returns to the login page, which says that the password works instead."""
    request.session[DOWN] = {"why": why, "at": clock.db_now().isoformat()}
    return _to_login(wanted)


def said_down(request: HttpRequest) -> str:
    """Returns why single sign-on did not work for this browser, minutes ago."""
    told = request.session.get(DOWN)
    if not isinstance(told, dict):
        return ""
    age = clock.db_now() - datetime.fromisoformat(told["at"])
    return str(told["why"]) if age < _SAID_FOR else ""


def no_answer(provider: Any) -> str:
    """Returns the sentence about a provider of which nothing usable came."""
    words = {"provider": provider.name}
    return _("%(provider)s did not answer as it should.") % words


def refused(request: HttpRequest, error: BreakglassError, wanted: str) -> HttpResponse:
    """Returns to the login page with a refusal's sentence, and whose fault it is."""
    is_ours = isinstance(error, LogReadOnly)
    if isinstance(error, Unavailable | SignInRefused) and not is_ours:
        return down(request, sentence(error), wanted)
    return back_to_login(request, sentence(error), wanted)


def _to_login(wanted: str) -> HttpResponse:
    query = f"?{urlencode({'next': wanted})}" if wanted else ""
    return HttpResponseRedirect(f"{reverse('account_login')}{query}")


def _own_address(request: HttpRequest, wanted: object) -> str:
    """Never another host's."""
    hosts = {request.get_host()}
    if not isinstance(wanted, str):
        return ""
    return (
        wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts) else ""
    )


def _require_working(answer: requests.Response, **_: object) -> None:
    """Raises for what no working provider answers; a refusal is none of that."""
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        answer.raise_for_status()
    if answer.ok and not isinstance(answer.json(), dict):
        msg = "the answer is no JSON object"
        raise requests.exceptions.InvalidJSONError(msg)


def _app(provider: Provider) -> SocialApp:
    return SocialApp(
        provider="openid_connect",
        provider_id=provider.id,
        name=provider.name,
        client_id=provider.client_id,
        secret=provider.client_secret,
        settings={
            "server_url": provider.discovery_url,
            "oauth_pkce_enabled": True,
            "scope": ["openid", "email"],
        },
    )


def _person(sign_in: SignIn) -> User | None:
    """Returns the person of the pair; links one by address where that is allowed."""
    pair = {"issuer": sign_in.provider.issuer, "subject": sign_in.subject}
    user = accounts.holder_of(**pair)
    if user is None and sign_in.provider.link_by_email and sign_in.email:
        user = identities.link_by_email(**pair, email=sign_in.email)
    return user


def _stranger(request: HttpRequest, sign_in: SignIn, user: User | None) -> HttpResponse:
    """Leads to the page that says who is not known: away from the code's address."""
    request.session[REFUSED] = {
        "provider": sign_in.provider.name,
        "issuer": sign_in.provider.issuer,
        "subject": sign_in.subject,
        "is_switched_off": user is not None,
    }
    return HttpResponseRedirect(reverse("sso-refused"))
