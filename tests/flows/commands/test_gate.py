"""`manage.py gate token`: a token alone on standard output."""

from hashlib import sha256

import pytest

from breakglass.models import GateToken
from breakglass.queries import access
from tests.flows.commands.endings import run
from tests.flows.services import steps

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_prints_the_token_and_nothing_else(capsys, acme, gate):
    code, out, err = run(capsys, "gate", "token", "prod-deploy", "--tenant", "acme")

    token = out.strip()
    found = access.gate_by_token(token_hash=sha256(token.encode()).digest())
    assert (code, err) == (0, "")
    assert out == f"{token}\n"
    assert token.startswith("bg_live_")
    assert found == gate
    assert steps.events(acme)[-1] == "token.issued"


def test_the_token_itself_is_kept_nowhere(capsys, acme, gate):
    _, out, _ = run(capsys, "gate", "token", "prod-deploy", "--tenant", "acme")

    row, token = GateToken.objects.get(), out.strip()
    entry = acme.entries.latest("seq")
    assert token not in str(vars(row))
    assert token.encode() not in bytes(entry.body)
    assert len(token) - len(row.prefix) > 32


@pytest.mark.parametrize(
    ("gate_slug", "tenant", "says"),
    [
        ("nope", "acme", "acme has no gate named 'nope'"),
        ("prod-deploy", "nope", "there is no tenant 'nope'; known: acme, globex"),
        ("prod-deploy", "globex", "globex has no gate named 'prod-deploy'"),
    ],
)
def test_what_is_unknown_ends_with_two_and_prints_no_token(
    capsys, acme, gate, charlie, gate_slug, tenant, says
):
    code, out, err = run(capsys, "gate", "token", gate_slug, "--tenant", tenant)

    assert (code, out) == (2, "")
    assert says in err
    assert not GateToken.objects.exists()


@pytest.mark.parametrize("arguments", [(), ("token",), ("token", "prod-deploy")])
def test_half_a_command_ends_with_two(capsys, arguments):
    assert run(capsys, "gate", *arguments)[0] == 2
