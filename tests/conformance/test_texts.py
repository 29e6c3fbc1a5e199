"""
What people are refused with can be said in their language (ADR 0012).

An error carries a `Text`, never a bare string, nor one that is translated already: the
log and the API need its English, a page the reader's words.
"""

import ast
from pathlib import Path

import pytest

from breakglass import errors

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "breakglass/queries",
    "breakglass/rules",
    "breakglass/services",
    "portal/admin",
    "portal/forms",
    "portal/http",
    "portal/web",
)
# Only whoever runs the site reads these: in commands and log lines, in English.
FOR_OPERATORS = {
    "breakglass/services/logs/outside.py",
    "breakglass/services/logs/publishing.py",
    "breakglass/services/tenancy/trust.py",
}
ERRORS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.BreakglassError)
}
TRANSLATED = {"_", "gettext", "ngettext", "pgettext", "gettext_lazy"}


def is_bare(node):
    """Whether an expression is a string that no `text` made."""
    match node:
        case ast.JoinedStr() | ast.Constant(value=str()):
            return True
        case ast.BinOp(left=left):
            return is_bare(left)
        case ast.IfExp(body=body, orelse=other):
            return is_bare(body) or is_bare(other)
        case ast.Call(func=ast.Name(id=name)):
            return name in TRANSLATED | {"str"}
        case ast.Call(func=ast.Attribute(value=value)):
            return is_bare(value)
    return False


def unmarked(source):
    """Yields (line, English) of each error that is made of a bare string."""
    module = ast.parse(source)
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    for scope in (node for node in ast.walk(module) if isinstance(node, kinds)):
        said = {}  # the name that an error is given, and what it last was
        told = (ast.Assign, ast.Call)
        nodes = [node for node in ast.walk(scope) if isinstance(node, told)]
        for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    said[name] = value
                case ast.Call(func=ast.Name(id=name), args=[first, *_]):
                    if name not in ERRORS:
                        continue
                    words = said.get(getattr(first, "id", ""), first)
                    if is_bare(words):
                        yield words.lineno, ast.unparse(words)


def test_every_refusal_that_people_read_can_be_translated():
    found = [
        f"{path}:{line} {words}"
        for folder in FOLDERS
        for file in sorted((ROOT / folder).rglob("*.py"))
        if (path := file.relative_to(ROOT).as_posix()) not in FOR_OPERATORS
        for line, words in unmarked(file.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    "raised",
    [
        'raise NotFound("there is none")',
        'raise NotFound(f"there is no {name}")',
        'msg = "there is none"\n    raise Conflict(msg)',
        'msg = _("there is no %(x)s") % {"x": name}\n    raise NotPermitted(msg)',
        'raise InvalidInput("none of " + name, field="x")',
        'raise InvalidInput("none of {}".format(name))',
    ],
)
def test_a_bare_string_in_an_error_is_found(raised):
    assert list(unmarked(f"def one(name):\n    {raised}\n"))


@pytest.mark.parametrize(
    "raised",
    [
        'raise NotFound(text("there is none"))',
        'msg = plural("one", "%(count)s", count=name)\n    raise Conflict(msg)',
        'msg = text("there is none")\n    raise InvalidInput(msg, field="x")',
        'raise ValueError("a bug, which nobody is told")',
    ],
)
def test_a_text_in_an_error_is_fine(raised):
    assert not list(unmarked(f"def one(name):\n    {raised}\n"))


def test_each_exception_is_still_needed():
    idle = [
        path
        for path in sorted(FOR_OPERATORS)
        if not any(unmarked((ROOT / path).read_text()))
    ]
    assert idle == []
