"""OpenID Connect as we use it ourselves: to prove a fresh sign-in, for one decision."""

from django.conf import settings

from breakglass.errors import NotFound
from breakglass.models import User
from breakglass.queries.people import accounts
from breakglass.texts import text
from portal.settings.providers import Provider


def provider_or_404(provider_id: str) -> Provider:
    """Returns the configured provider of that id, or raises NotFound."""
    found = (p for p in settings.OIDC_PROVIDERS if p.id == provider_id)
    provider = next(found, None)
    if provider is None:
        msg = text("no such identity provider is set up here")
        raise NotFound(msg)
    return provider


def providers_of(user: User) -> list[Provider]:
    """Returns the providers at which this person has an identity, as configured."""
    if not settings.OIDC_PROVIDERS:
        return []
    issuers = {identity.issuer for identity in accounts.identities_of(user=user)}
    return [p for p in settings.OIDC_PROVIDERS if p.issuer in issuers]


def name_of(issuer: str) -> str:
    """Returns what people call an issuer: its provider's name, if it is set up."""
    names = {provider.issuer: provider.name for provider in settings.OIDC_PROVIDERS}
    return names.get(issuer, "")
