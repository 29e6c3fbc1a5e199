"""Which tables the admin shows, and that it calls each in the reader's language."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.utils import translation
from django.utils.functional import Promise

from breakglass.texts import Text
from portal.forms.gates import ChannelForm
from portal.forms.people import NewPersonForm, RoleForm
from portal.forms.policies import TierForm

# Why a table has no pages of its own.
NOT_SHOWN = {
    "ActionItem": "is read and ticked with its post-mortem, in the portal",
    "Assertion": "proves one approval, and is shown and checked on its audit entry",
    "Authentication": "proves one decision, and is shown on its audit entry",
    "ChainHead": "is the ledger's own counter; the audit log's headline shows it",
    "Credential": "is listed, and ended with a reason, on the person's page",
    "CredentialNotice": "keeps a machine from entering a passkey twice",
    "GateContact": "holds a gate's last calls, shown on the gate's page; no evidence",
    "GateDay": "counts answers; the gate health report shows the sums",
    "GateIdentity": "is added and removed on the gate's page",
    "GateSetup": "is somebody's unfinished form, continued in the portal",
    "GateToken": "is issued, shown once and revoked on the gate's page",
    "HealthSummary": "keeps a machine from sending a month's figures twice",
    "Identity": "is listed, linked and unlinked on the person's page",
    "LogStanding": "is where the checks stand; the audit log's headline says it",
    "OutboxMessage": "is a promise between machines; the outbox page shows its state",
    "PostMortemDraft": "is what one person typed, and nobody else is to see it",
    "PostMortemRevision": "is compared in the editor; its digest is in the log",
    "Requirement": "is a line of its tier, on the policy's page",
    "RoleMember": "comes and goes on its group's page",
    "Tier": "is a part of its policy, on the policy's page",
    "TokenIssuer": "holds a platform's keys; the gate's page says how old they are",
    "TokenUse": "keeps a machine's token from a second deploy",
}
# Names of products and of formats are the same in every language.
NAMES = {
    *("Slack", "Microsoft Teams", "PagerDuty", "Webhook"),
    *("GitHub Actions", "GitLab CI", "Jenkins", "Argo CD"),
    *("Gatekeeper", "Kyverno", "OPA"),
}

PAGES = sorted(admin.site._registry.items(), key=lambda item: item[0].__name__)
INLINES = [inline for _, page in PAGES for inline in page.inlines]
MODELS = [model for model, _ in PAGES] + [inline.model for inline in INLINES]


def test_each_table_is_shown_or_it_is_said_why_not():
    shown = {model.__name__ for model, _ in PAGES}
    own = {model.__name__ for model in apps.get_app_config("breakglass").get_models()}
    assert shown | set(NOT_SHOWN) == own
    assert not shown & set(NOT_SHOWN)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_tables_and_columns_are_called_by_words_that_are_translated(model):
    options = model._meta
    assert isinstance(options.verbose_name, Promise)
    assert isinstance(options.verbose_name_plural, Promise)
    for field in [*options.concrete_fields, *options.many_to_many]:
        if field.primary_key and field.auto_created:
            continue
        if not field.editable or field.name in unseen(model):
            continue
        assert isinstance(field.verbose_name, Promise), field
        assert not field.help_text or isinstance(field.help_text, Promise), field
        for _, label in field.flatchoices:
            assert isinstance(label, Text) or label in NAMES, (field, label)


def unseen(model):
    """The columns that no page of the model shows, because it names what it shows."""
    page = admin.site._registry.get(model)
    named = {"User": {"email", "name", "kind", "is_staff", "is_active", "password"}}
    if model.__name__ in named:
        shown = named[model.__name__] | {"date_joined", "last_login", "merged_into"}
        return {field.name for field in model._meta.get_fields()} - shown
    return {"members", *(page.exclude or ())} if page else {"policy"}


@pytest.mark.parametrize("form", [TierForm, RoleForm, NewPersonForm, ChannelForm])
def test_fields_of_our_own_forms_are_called_by_words_that_are_translated(form):
    for name, field in form.base_fields.items():
        assert isinstance(field.label, Promise), name
        assert not field.help_text or isinstance(field.help_text, Promise), name


@pytest.mark.parametrize(("model", "page"), PAGES, ids=str)
def test_columns_that_a_page_adds_are_called_by_words_that_are_translated(model, page):
    fields = {field.name for field in model._meta.get_fields()}
    for name in [*page.list_display, *page.readonly_fields]:
        if name not in fields:
            shown = name if callable(name) else getattr(page, name)
            said = shown.short_description
            assert isinstance(said, Promise), (page, name)


def test_the_front_page_speaks_german(client_for, acme, people):
    client = client_for(people.admin)
    with translation.override("de"):
        plurals = [str(model._meta.verbose_name_plural) for model, _ in PAGES]
    page = client.get("/admin/", headers={"accept-language": "de"}).content.decode()
    assert "Richtlinien" in plurals
    for name in plurals:
        assert f">{name[0].upper()}{name[1:]}<" in page, name
    for english in ("Policies", "Tenants", "Audit entries", "breakglass admin<"):
        assert english not in page
