"""
The shape of the code, asked of its syntax trees: who may do what, and how large.

Each check names its few exceptions with the reason; a new one is a decision, made here.
"""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = Path(sys.executable).with_name("lint-imports")
CODE_LINES, TEST_LINES, FUNCTION_LINES = 300, 400, 60
WEB_LINES = {".css": 700, ".html": 200, ".js": 200}
WRITES = {
    "save",
    "create",
    "get_or_create",
    "update_or_create",
    "bulk_create",
    "bulk_update",
    "acreate",
    "asave",
    "aupdate",
    "adelete",
}
QUERYSET_WRITES = {"update", "delete"}


def python(*folders):
    return sorted(
        file
        for folder in folders
        for file in (ROOT / folder).rglob("*.py")
        if "migrations" not in file.parts
    )


@cache
def tree(file):
    return ast.parse(file.read_text())


def nodes(kind, *folders):
    """Yields (path from the root, node) of one kind."""
    for file in python(*folders):
        for node in ast.walk(tree(file)):
            if isinstance(node, kind):
                yield file.relative_to(ROOT).as_posix(), node


def calls(*folders):
    """Yields (path, line, dotted name) of every call."""
    for path, node in nodes(ast.Call, *folders):
        yield path, node.lineno, ast.unparse(node.func)


def test_imports_keep_to_the_layers(tmp_path):
    run = subprocess.run(  # noqa: S603 - our own linter
        [str(LINT), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )

    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]


def lines(file):
    return len(file.read_text().splitlines())


# It has to be one file, so that an auditor can read and run it alone (ADR 0010).
STANDS_ALONE = ROOT / "breakglass/audit/standalone/verify_evidence.py"


def test_no_file_of_code_is_too_long():
    files = [*python("breakglass", "portal"), ROOT / "manage.py"]
    files.remove(STANDS_ALONE)

    long = {f.relative_to(ROOT).as_posix() for f in files if lines(f) > CODE_LINES}
    assert long == set()


def test_no_file_of_tests_is_too_long():
    long = {
        f.relative_to(ROOT).as_posix() for f in python("tests") if lines(f) > TEST_LINES
    }

    assert long == set()


@pytest.mark.parametrize("suffix", WEB_LINES)
def test_no_page_style_or_script_is_too_long(suffix):
    files = [
        file
        for folder in ("templates", "static")
        for file in (ROOT / folder).rglob(f"*{suffix}")
    ]

    assert files
    assert {
        str(f.relative_to(ROOT)) for f in files if lines(f) > WEB_LINES[suffix]
    } == (set())


def test_no_function_is_too_long():
    functions = nodes((ast.FunctionDef, ast.AsyncFunctionDef), "breakglass", "portal")

    assert [
        f"{path}:{node.name}"
        for path, node in functions
        if node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ] == []


# The admin edits a *draft* policy's rows with Django's own formsets: nothing of it is
# in force, or in the log, before services.policies.publish has checked and frozen it.
EDITS_DRAFTS = ("portal/admin/policies.py", "portal/admin/policy_tiers.py")


def test_the_portal_never_writes_through_the_orm():
    """
    Every change is a service's. `.objects.` chains and model instances alike: what is
    left is sessions, forms and messages, by the name of what is called on.
    """
    ours = re.compile(r"objects|_set\b|queryset|\brows\b|self\.model")
    found = []
    for path, node in nodes(ast.Call, "portal"):
        elsewhere = path.startswith("portal/management/") or path in EDITS_DRAFTS
        if elsewhere or not isinstance(node.func, ast.Attribute):
            continue
        name, on = node.func.attr, ast.unparse(node.func.value)
        if on.startswith(("Session.", "UserSession.")):
            continue  # where somebody is signed in: the web's own rows
        if (
            (name in WRITES | QUERYSET_WRITES and ours.search(on))
            or (
                name
                in {"bulk_create", "bulk_update", "get_or_create", "update_or_create"}
            )
            or (
                name == "save" and not re.search(r"channels|form|super\(\)|session", on)
            )
        ):
            found.append(f"{path}:{node.lineno} {on}.{name}")

    assert found == []


# Where the machine's own clock is right, and why.
OTHER_CLOCKS = {
    "breakglass/authority/": "a process of its own, with no database clock to ask",
    "breakglass/signing/identity.py": "a JWT's times are compared by the authority",
    "breakglass/signing/transport.py": "a deadline is a span of this process",
    "breakglass/signing/deadline.py": "a deadline is a span of this process",
    "breakglass/services/gates/contacts.py": "a pause is a span of this process",
    "breakglass/services/telling/delivery.py": "a budget is a span of this process",
    "breakglass/services/hooks/sending.py": "a webhook is judged by its receiver",
    "breakglass/services/logs/publishing.py": "a webhook is judged by its receiver",
}


def test_nobody_but_the_clock_asks_the_time():
    clock = re.compile(
        r"(timezone|datetime|date)\.(now|utcnow|today)$"
        r"|time\.(time|time_ns|monotonic|localtime|gmtime)$|\bNow$"
    )
    asked = {
        path
        for path, _, name in calls("breakglass")
        if clock.search(name) and not path.startswith(tuple(OTHER_CLOCKS))
    }

    assert asked == set()


def test_nothing_imports_the_verifier_that_stands_alone():
    """Nor does it import us: what shares code shares mistakes."""
    text = STANDS_ALONE.read_text()
    assert not re.search(r"^\s*(from|import) (breakglass|portal|django)", text, re.M)
    importing = {
        path
        for path, node in nodes((ast.Import, ast.ImportFrom), "breakglass", "portal")
        if "verify_evidence" in ast.unparse(node)
    }

    assert importing == set()


def test_only_the_ledger_writes_audit_entries():
    writers = {
        path
        for path, _, name in calls("breakglass", "portal")
        if re.search(r"AuditEntry(\.objects\.\w*create\w*)?$", name)
        or ("AuditEntry.objects" in name and name.endswith((".update", ".delete")))
    }

    assert writers == {"breakglass/audit/ledger.py"}


def test_only_the_domain_appends_to_the_ledger():
    appenders = {
        path.split("/")[1] for path, _, n in calls("breakglass") if n == "ledger.append"
    }
    outside = {path for path, _, n in calls("portal") if n.endswith("ledger.append")}

    assert appenders == {"services"}
    assert outside == set()


def test_the_domain_sends_no_task():
    sent = {
        f"{path}:{line}"
        for path, line, name in calls("breakglass")
        if name.endswith((".delay", ".apply_async", ".delay_on_commit", "send_task"))
    }

    assert sent == set()


def test_there_are_no_model_signals():
    receivers = {
        path
        for path, _, name in calls("breakglass", "portal")
        if re.search(r"\b(pre|post)_(save|delete)\.connect$", name)
    }
    decorated = {
        path
        for path, node in nodes(ast.FunctionDef, "breakglass", "portal")
        if any("receiver(" in ast.unparse(d) for d in node.decorator_list)
    }

    assert receivers | decorated == set()


def test_every_lock_names_its_row_so_joins_are_not_locked_too():
    """A select_for_update with joins locks every joined row, in no agreed order."""
    bare = []
    for path, node in nodes(ast.Call, "breakglass"):
        whole = ast.unparse(node)
        if (
            "select_for_update(" in whole
            and "select_related(" in whole
            and "of=" not in whole
        ):
            bare.append(f"{path}:{node.lineno}")

    assert bare == []


UNSAFE = {
    r"\sstyle\s*=": "inline style",
    r"\son[a-z]+\s*=\s*[\"']": "inline handler",
    r"hx-on": "inline handler of htmx",
    r"javascript:": "script address",
    r"[\"'{]\s*js:": "evaluated by htmx",
    r"\|\s*safe\b": "unescaped",
    r"autoescape\s+off": "unescaped",
    r"hx-vals\s*=\s*[\"']\s*js": "evaluated by htmx",
    r"https?://(?!www\.w3\.org)[^{\s\"']*\.(js|css)": "a third party's file",
}


def without_comments(file):
    """Nobody is sent a template comment, so it may name what is forbidden."""
    text = re.sub(r"{% comment .*?endcomment %}", "", file.read_text(), flags=re.DOTALL)
    return re.sub(r"{#.*?#}", "", text)


@pytest.mark.parametrize("pattern", UNSAFE, ids=UNSAFE.values())
def test_no_template_holds_what_the_content_policy_forbids(pattern):
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in (ROOT / "templates").rglob("*.html")
        for match in re.finditer(pattern, without_comments(file), re.IGNORECASE)
    ]

    assert found == []


def test_every_script_of_a_template_is_a_file():
    inline = [
        str(file.relative_to(ROOT))
        for file in (ROOT / "templates").rglob("*.html")
        for tag in re.findall(r"<script\b[^>]*>", file.read_text(), re.IGNORECASE)
        if "src=" not in tag and 'type="application/json"' not in tag
    ]

    assert inline == []
