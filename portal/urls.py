"""Every address of the portal (design.md section 11); clients rely on them."""

from allauth.account import views as account
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from portal.api import receipts
from portal.api import urls as api
from portal.web import dashboard, errors, health, inbox, messages
from portal.web.account import (
    identities,
    passkey_login,
    passkeys,
    preferences,
    profile,
    session,
    sso,
    stepup,
)
from portal.web.audit import entry, exports, log, reanchor
from portal.web.gates import care, findings, machines, pages, setup
from portal.web.gates import health as gate_health
from portal.web.postmortems import actions
from portal.web.postmortems import pages as postmortems
from portal.web.requests import ending, form, listing, talking
from portal.web.requests import pages as requests

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error

_TENANT = "t/<slug:tenant_slug>"
_SSO = "openid_connect"
_GATE = f"{_TENANT}/gates/<str:gate_slug>"
_BYPASS = f"{_TENANT}/requests/<str:bypass_id>"

shell_pages: list[URLPattern] = [
    path("", dashboard.index, name="dashboard"),
    path("live", dashboard.live, name="shell-live"),
    path("preferences/theme", preferences.theme, name="preferences-theme"),
    path("inbox", inbox.index, name="inbox"),
    path("preferences/shortcuts", preferences.shortcuts, name="preferences-shortcuts"),
    path("profile", profile.index, name="profile"),
    path("profile/test-message", profile.send_test, name="profile-test"),
    path("profile/sessions", profile.sessions_page, name="profile-sessions"),
    path("profile/sessions/end", profile.end_session, name="profile-session-end"),
    path("session/renew", session.renew, name="session-renew"),
    path("profile/passkeys", passkeys.index, name="passkeys"),
    path("profile/passkeys/options", passkeys.options, name="passkey-options"),
    path("profile/passkeys/add", passkeys.add, name="passkey-add"),
    path(
        "profile/passkeys/<uuid:public_id>/remove",
        passkeys.remove,
        name="passkey-remove",
    ),
    path(f"{_TENANT}/requests", listing.index, name="requests"),
    path(f"{_TENANT}/requests/new", form.new, name="request-new"),
    path(f"{_TENANT}/requests/preview", form.preview, name="request-preview"),
    path(_BYPASS, requests.detail, name="request-detail"),
    path(f"{_BYPASS}/approve", requests.approve, name="request-approve"),
    path(f"{_BYPASS}/reject", requests.reject, name="request-reject"),
    path(f"{_BYPASS}/withdraw", ending.withdraw, name="request-withdraw"),
    path(f"{_BYPASS}/remind", talking.remind, name="request-remind"),
    path(f"{_BYPASS}/comments", talking.comment, name="request-comment"),
    path(f"{_BYPASS}/close", ending.close, name="grant-close"),
    # Before allauth's own: it has another idea of when somebody is fresh (ux.md 2.1).
    path("accounts/reauthenticate/", stepup.reauthenticate, name="stepup"),
    path("accounts/oidc/stepup/callback", stepup.callback, name="stepup-callback"),
    path("profile/identities", identities.index, name="identities"),
    path("profile/identities/link", identities.link, name="identity-link"),
    path(
        "profile/identities/<int:identity_id>/unlink",
        identities.unlink,
        name="identity-unlink",
    ),
]

# The record pages: audit, post-mortems, gates, messages.
record_pages: list[URLPattern] = [
    path(f"{_TENANT}/audit", log.index, name="audit"),
    path(f"{_TENANT}/audit/standing", log.standing, name="audit-standing"),
    path(f"{_TENANT}/audit/fresh", log.fresh, name="audit-fresh"),
    path(f"{_TENANT}/audit/check", log.check, name="audit-check"),
    path(f"{_TENANT}/audit/trust-config", entry.trust_config, name="audit-trust"),
    path(f"{_TENANT}/audit/reanchor", reanchor.page, name="audit-reanchor"),
    path(
        f"{_TENANT}/audit/reanchor/confirm",
        reanchor.confirm,
        name="audit-reanchor-confirm",
    ),
    path(f"{_TENANT}/audit/reanchor/drop", reanchor.drop, name="audit-reanchor-drop"),
    path(f"{_TENANT}/audit/trust-note", entry.trust_note, name="audit-trust-note"),
    path(f"{_TENANT}/audit/export", exports.index, name="audit-export"),
    path(
        f"{_TENANT}/audit/export/estimate",
        exports.estimate,
        name="audit-export-estimate",
    ),
    path(
        f"{_TENANT}/audit/export/<uuid:export_id>",
        exports.download,
        name="audit-export-file",
    ),
    path(f"{_TENANT}/audit/<int:seq>", entry.entry, name="audit-entry"),
    path(f"{_TENANT}/audit/<int:seq>/bundle", entry.bundle, name="audit-bundle"),
    path(f"{_TENANT}/audit/<int:seq>/body", entry.body, name="audit-body"),
    path(
        f"{_TENANT}/audit/<int:seq>/statement",
        entry.statement,
        name="audit-statement",
    ),
    path(f"{_TENANT}/postmortems", postmortems.index, name="postmortems"),
    path(f"{_TENANT}/postmortems/<str:bypass_id>", postmortems.page, name="postmortem"),
    path(
        f"{_TENANT}/postmortems/<str:bypass_id>/preview",
        postmortems.preview,
        name="postmortem-preview",
    ),
    path(
        f"{_TENANT}/postmortems/<str:bypass_id>/rows",
        postmortems.more_rows,
        name="postmortem-rows",
    ),
    path(
        f"{_TENANT}/postmortems/<str:bypass_id>/review",
        actions.review,
        name="postmortem-review",
    ),
    path(
        f"{_TENANT}/postmortems/<str:bypass_id>/hand-over",
        actions.hand_over,
        name="postmortem-hand-over",
    ),
    path(
        f"{_TENANT}/postmortems/<str:bypass_id>/items/<int:position>",
        actions.tick,
        name="postmortem-tick",
    ),
    path(
        f"{_TENANT}/postmortems/<str:bypass_id>/notes",
        actions.note,
        name="postmortem-note",
    ),
    path(
        f"{_TENANT}/postmortems/<str:bypass_id>/keep",
        actions.keep,
        name="postmortem-keep",
    ),
    path(
        f"{_TENANT}/postmortems/<str:bypass_id>/discard",
        actions.discard,
        name="postmortem-discard",
    ),
    path(f"{_TENANT}/gates", pages.index, name="gates"),
    path(f"{_TENANT}/gates/new", setup.start, name="gate-new"),
    # Before the gates' own pages: no gate may be named so (services/gates/registry.py).
    path(f"{_TENANT}/gates/health", gate_health.page, name="gate-health"),
    path(f"{_TENANT}/gates/health.csv", gate_health.table, name="gate-health-csv"),
    path(f"{_TENANT}/findings/<uuid:public_id>", findings.page, name="finding"),
    path(
        f"{_TENANT}/findings/<uuid:public_id>/close",
        findings.close,
        name="finding-close",
    ),
    path(
        f"{_TENANT}/findings/<uuid:public_id>/hand-over",
        findings.hand_over,
        name="finding-hand-over",
    ),
    path(
        f"{_TENANT}/gates/new/<uuid:setup_id>/<slug:step>",
        setup.step,
        name="gate-setup",
    ),
    path(_GATE, pages.page, name="gate"),
    path(f"{_GATE}/test", care.test, name="gate-test"),
    path(f"{_GATE}/pause", care.pause, name="gate-pause"),
    path(f"{_GATE}/resume", care.resume, name="gate-resume"),
    path(f"{_GATE}/retire", care.retire, name="gate-retire"),
    path(f"{_GATE}/tokens", pages.issue, name="gate-token"),
    path(
        f"{_GATE}/tokens/<int:token_id>/rotate",
        pages.rotate,
        name="gate-token-rotate",
    ),
    path(
        f"{_GATE}/tokens/<int:token_id>/revoke",
        pages.revoke,
        name="gate-token-revoke",
    ),
    path(f"{_GATE}/machines/new/<slug:kind>", machines.add, name="gate-machine-add"),
    path(
        f"{_GATE}/machines/<uuid:public_id>/remove",
        machines.remove,
        name="gate-machine-remove",
    ),
    path("outbox", messages.index, name="outbox"),
]

machine_pages: list[URLPattern] = [
    path("healthz", health.alive, name="health-alive"),
    path("readyz", health.ready, name="health-ready"),
    path("metrics", health.metrics, name="health-metrics"),
    path(".well-known/jwks.json", receipts.keys, name="receipt-keys"),
]

# Of allauth only what is meant: a person's e-mail is what certificates name them by,
# so nobody changes their own, and a password is set by an operator.
account_pages: list[URLPattern | URLResolver] = [
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/passkey/", passkey_login.sign_in, name="passkey-login"),
    path(
        "accounts/passkey/options",
        passkey_login.options,
        name="passkey-login-options",
    ),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path(
        "accounts/reauthenticate/", stepup.reauthenticate, name="account_reauthenticate"
    ),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/oidc/refused", sso.refused, name="sso-refused"),
    # By these names allauth finds them; never its pages to connect or to sign up.
    path("accounts/oidc/<str:provider_id>/login/", sso.login, name=f"{_SSO}_login"),
    path(
        "accounts/oidc/<str:provider_id>/login/callback/",
        sso.callback,
        name=f"{_SSO}_callback",
    ),
]

urlpatterns: list[URLPattern | URLResolver] = [
    *shell_pages,
    *record_pages,
    *machine_pages,
    *account_pages,
    *api.standards,
    path("admin/", admin.site.urls),
    path("api/", include("portal.api.urls")),
]
