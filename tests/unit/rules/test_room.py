"""The promises of the whole room: pure, frozen, named arguments, documented."""

import ast
import dataclasses
import importlib
import inspect
from pathlib import Path

import pytest

import breakglass.rules

ROOM = Path(breakglass.rules.__file__).parent
FILES = sorted(path for path in ROOM.glob("*.py") if path.stem != "__init__")
ALLOWED = {
    "breakglass.errors",
    "breakglass.texts",  # what is said, in words; only showing it asks for a language
    "collections",
    "collections.abc",
    "dataclasses",
    "datetime",
    "enum",
    "hashlib",
    "re",
    "typing",
    "unicodedata",
    "urllib.parse",
}
CLOCKS = {"now", "utcnow", "today"}
# A value, then how to look at it: these read better without a keyword.
ONE_VALUE = {
    "split",
    "digest",
    "read",
    "check_when",
    "stands_in",
    "_plain",
    "_cells",
    "_cell",
    "_log",
    "_moved",
    "check_identifier",
    "check_text",
    "check_url",
    "check_digest",
    "is_artifact_digest",
    "is_bypass_id",
    "field_word",
    "in_words",
    "_are_needed",
}


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def tree(request):
    return ast.parse(request.param.read_text())


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def module(request):
    return importlib.import_module(f"breakglass.rules.{request.param.stem}")


def test_rules_import_nothing_that_has_effects(tree):
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        for name in names:
            assert name in ALLOWED or f"{name}.".startswith("breakglass.rules."), name


def test_rules_never_ask_what_time_it_is(tree):
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & CLOCKS


def test_rules_take_their_arguments_by_name(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name not in ONE_VALUE:
            inside = [arg.arg for arg in node.args.posonlyargs + node.args.args]
            assert inside in ([], ["self"], ["self", "moment"]), node.name


def test_values_are_frozen_and_slotted(module):
    for _, value in inspect.getmembers(module, inspect.isclass):
        if value.__module__ == module.__name__ and dataclasses.is_dataclass(value):
            assert value.__dataclass_params__.frozen, value
            assert "__slots__" in vars(value), value


def test_everything_public_is_documented(module):
    assert module.__doc__
    for name, value in inspect.getmembers(module):
        public = inspect.isfunction(value) or inspect.isclass(value)
        if public and value.__module__ == module.__name__ and name[0] != "_":
            assert inspect.getdoc(value), name
