"""Django's admin, for operators: every write goes through a service."""

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from portal.admin import (
    evidence,
    gates,
    health,
    people,
    policies,
    provenance,
    records,
    tenants,
    webhooks,
)

__all__ = [
    "evidence",
    "gates",
    "health",
    "people",
    "policies",
    "provenance",
    "records",
    "tenants",
    "webhooks",
]

# What packages register knows nothing of tenants or of the ledger, and deletes.
# Groups and logins are ours: role groups and people, each through its service. A
# list of sessions is searched by their keys, bit by bit, and a key is a sign-in.
for model in (
    Group,
    EmailAddress,
    Authenticator,
    SocialAccount,
    SocialApp,
    SocialToken,
    UserSession,
):
    if admin.site.is_registered(model):
        admin.site.unregister(model)

admin.site.disable_action("delete_selected")
admin.site.site_header = _("breakglass admin")
admin.site.site_title = _("breakglass admin")
admin.site.index_title = _("What operators look after")
admin.site.enable_nav_sidebar = True
# The portal's own login, so that its rate limits and second factors hold here too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # allauth's documented way
