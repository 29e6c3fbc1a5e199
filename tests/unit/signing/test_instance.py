"""Whose certificate counts: a name and its issuer, never a root alone."""

import json

import pytest

from breakglass.errors import SigningFailed
from breakglass.signing import Expected, instance

ISSUER = "https://breakglass.internal/oidc"
GITHUB = "https://token.actions.example"
NOW = Expected("https://github.example/acme/portal", GITHUB)
FORMER = Expected("old@acme.example", "https://old.example")
EMBEDDED = Expected("portal@breakglass.internal", ISSUER)
ALICE = "alice@acme.example"


@pytest.fixture
def public(settings):
    """The public instance, after a year at a former one."""
    settings.SIGNING_INSTANCE = "public"
    settings.SIGNING_WORKLOAD, settings.WORKLOAD_ISSUER = NOW.identity, NOW.issuer
    settings.EXTRA_WORKLOADS = [f"{FORMER.identity} {FORMER.issuer}"]
    settings.PROVIDER_ISSUER = ""
    return settings


def statement(email):
    return json.dumps({"predicate": {"approver": {"email": email}}}).encode()


def test_the_portals_names_are_the_present_the_embedded_and_the_former(public):
    assert instance.workloads() == (NOW, EMBEDDED, FORMER)
    assert instance.accepted(NOW.identity) == (NOW, EMBEDDED, FORMER)
    assert instance.accepted(FORMER.identity) == (FORMER,)


def test_by_default_the_portal_has_one_name(settings):
    assert instance.workloads() == (EMBEDDED,)


def test_the_workloads_issuer_vouches_for_no_person(public):
    """Its provider certifies millions of strangers; only one of them is us."""
    assert instance.accepted(ALICE) == (Expected(ALICE, ISSUER),)
    assert not instance.is_workload(identity=ALICE, issuer=GITHUB)
    assert not instance.is_workload(identity=NOW.identity, issuer=ISSUER)


def test_people_come_from_the_authority_and_from_the_configured_provider(public):
    public.PROVIDER_ISSUER = "https://login.acme.example"

    assert [one.issuer for one in instance.person(ALICE)] == [
        ISSUER,
        "https://login.acme.example",
    ]


def test_a_workload_signs_an_approval_only_for_whom_the_statement_names(public):
    mine = instance.signers_of_approval(email=ALICE, statement=statement(ALICE))
    other = instance.signers_of_approval(
        email=ALICE, statement=statement("bob@acme.example")
    )

    assert NOW in mine
    assert other == instance.person(ALICE)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b"[" * 10_000])
def test_a_statement_that_names_nobody_names_nobody(raw):
    assert instance.approver_named_in(raw) == ""


def test_an_extra_root_is_read_from_a_trusted_root_or_a_trust_config(
    settings, tmp_path, trust_config_path
):
    root = json.loads(trust_config_path.read_text())["trustedRoot"]
    alone = tmp_path / "alone.json"
    alone.write_text(json.dumps(root))
    settings.EXTRA_TRUST = [str(alone), str(trust_config_path)]

    current, first, second = instance.trusted_roots()
    assert current.name == "embedded"
    assert (first.name, second.name) == ("alone", "trust_config")
    assert json.loads(first.trusted_root) == json.loads(current.trusted_root) == root


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"mediaType": 7}', "\xff"])
def test_an_extra_root_of_no_use_is_named(tmp_path, text):
    file = tmp_path / "former.json"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))

    with pytest.raises(SigningFailed, match="former") as caught:
        instance.extra_root(str(file))

    assert caught.value.stage == "trust"
