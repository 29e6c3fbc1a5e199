"""What an approval's page says about its passkey, in the reader's language."""

import ast
import inspect

from django.utils import translation

from breakglass.audit import passkeys
from breakglass.texts import translated
from portal.http.audit import passkey_checks

# These are about enrolling, and stand on other entries' pages.
OF_OTHERS = {
    "enrols a passkey that the log knows already",
    "lets a passkey approve before its cool-down is over",
}


def test_each_finding_about_an_approval_is_a_sentence_of_its_own():
    tree = ast.parse(inspect.getsource(passkeys))
    found = {
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Constant)
    }

    assert found - OF_OTHERS == set(passkey_checks.WORDS)


def test_a_finding_is_said_in_german_and_an_unknown_one_in_its_own_words():
    removed = "was approved with a passkey that was removed before"
    with translation.override("de"):
        shown = translated(passkey_checks.said(removed))
        unknown = translated(passkey_checks.said("looks odd"))

    assert shown == "Der Passkey der Genehmigung war vorher schon entfernt worden."
    assert unknown == "Die Prüfung des Logs sagt: „looks odd“."
