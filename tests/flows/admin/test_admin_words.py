"""What Django's admin says of its own accord comes in the reader's language as well."""

import re

import pytest
from django.urls import reverse

from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def german(client_for, acme, people):
    """An admin whose browser asks for German."""
    client = client_for(people.admin)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    return client


def at(model, verb="changelist", *args):
    return reverse(f"admin:breakglass_{model}_{verb}", args=args)


def text(answer):
    return answer.content.decode()


def shown(page, field):
    """What a read-only field holds."""
    row = re.search(rf'field-{field}.*?<div class="readonly">(.*?)</div>', page, re.S)
    return row.group(1)


def test_an_impact_is_a_word_in_the_filter_and_on_the_request(
    german, acme, people, gate
):
    low = factories.request(acme, people.oncall, gate)
    high = factories.request(acme, people.oncall, gate, impact="high", service="mail")

    page = text(german.get(at("bypassrequest")))
    assert re.findall(r'\?impact=(\w+)">\s*(\w+)', page) == [
        ("high", "Hoch"),
        ("low", "Gering"),
    ]
    only = text(german.get(at("bypassrequest") + "?impact=high"))
    assert high.bypass_id in only
    assert low.bypass_id not in only

    page = text(german.get(at("bypassrequest", "change", high.pk)))
    assert shown(page, "impact_shown") == "Hoch"
    page = text(german.get(at("bypassrequest", "change", low.pk)))
    assert shown(page, "impact_shown") == "Gering"


@pytest.mark.parametrize("model", ["tenant", "user", "gate", "channel"])
def test_a_list_says_yes_and_no_in_words_and_sorts_by_them(german, gate, model):
    german.post(
        at("channel", "add"),
        {
            "tenant": gate.tenant_id,
            "kind": "slack",
            "name": "ops",
            "url": "slack://T0000/B0000/aaaaaaaaaaaaaaaaaaaaaaaa",
        },
    )

    page = text(german.get(at(model)))

    cell = re.search(r'<td class="field-is_active">(.*?)</td>', page).group(1)
    assert cell == ("Nein" if model == "channel" else "Ja")
    assert 'alt="True"' not in page
    assert 'alt="False"' not in page
    column = re.search(r'sortable column-is_active.*?href="\?o=([\d.]+)"', page, re.S)
    assert german.get(f"{at(model)}?o={column.group(1)}").status_code == 200


def test_what_was_saved_is_called_by_its_name_in_the_readers_language(german, acme):
    path = at("postmortemtemplate", "change", acme.postmortem_template.pk)
    sent = {"body": "## Summary\n", "required_headings": "Summary"}

    page = text(german.post(path, sent, follow=True))

    said = re.search(r'<li class="success">(.*?)</li>', page, re.S).group(1)
    assert "Vorlage von acme" in said
    assert "template of" not in said
