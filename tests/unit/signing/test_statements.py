"""The exact bytes that are signed."""

import json
from hashlib import sha256

import rfc8785
from sigstore import dsse

from breakglass.signing import statements

SUBJECT = sha256(b"the frozen request").digest()


def made(**predicate):
    return statements.statement(
        name="BG-7Q4MZK",
        sha256=SUBJECT,
        predicate_type=statements.APPROVAL_TYPE,
        predicate=predicate,
    )


def test_a_statement_is_in_toto_v1_over_the_digest():
    assert json.loads(made(verdict="approve")) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "BG-7Q4MZK", "digest": {"sha256": SUBJECT.hex()}}],
        "predicateType": "https://breakglass.dev/approval/v1",
        "predicate": {"verdict": "approve"},
    }


def test_a_statement_is_canonical_so_the_order_of_the_facts_is_no_freedom():
    assert made(a=1, b=2) == made(b=2, a=1)
    assert rfc8785.dumps(json.loads(made(a=1, b=2))) == made(a=1, b=2)


def test_the_stock_library_takes_the_bytes_as_a_statement():
    assert dsse.Statement(made(verdict="approve"))._contents == made(verdict="approve")


def test_every_kind_of_statement_has_a_type_of_its_own():
    types = {
        statements.APPROVAL_TYPE,
        statements.GRANT_TYPE,
        statements.CHECKPOINT_TYPE,
        statements.REQUEST_TYPE,
    }

    assert len(types) == 4
    assert all(kind.endswith("/v1") for kind in types)
