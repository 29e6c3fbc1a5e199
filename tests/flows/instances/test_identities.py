"""In whose name is signed: the workload's, or the provider's own token of a person."""

import json

import pytest

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.errors import InvalidInput, SigningFailed
from breakglass.models import Approval, AuditEntry, Bundle, Grant, Intent
from breakglass.rules.evidence import Proof
from breakglass.services.approving import approvals
from breakglass.services.people import accounts as people_services
from breakglass.services.people import identities
from breakglass.signing import identity as signing_identity
from tests import factories
from tests.flows.instances.conftest import WORKLOAD, issuer, report_on

pytestmark = pytest.mark.django_db(transaction=True)


IDP = "https://idp.example"


def confirm(intent, approver, id_token):
    subject = str(approver.public_id)
    identities.link(user=approver, issuer=IDP, subject=subject, actor=OPERATOR)
    return approvals.confirm(
        intent_id=intent.public_id,
        approver=approver,
        proof=Proof(
            method="oidc",
            at=clock.db_now(),
            issuer=IDP,
            subject=subject,
            token_sha256=bytes(32),
            id_token=id_token,
        ),
    )


# --------------------------------------------------------------------- the workload


def test_a_workloads_certificate_stands_under_a_statement_that_names_the_person(
    people, pending_request, platform
):
    outcome = factories.approve(pending_request, people.peer)

    bundle = outcome.approval.bundle
    assert (bundle.identity, bundle.issuer) == (WORKLOAD, issuer())
    said = json.loads(bytes(bundle.intent.statement))["predicate"]["approver"]
    assert said["email"] == people.peer.email
    entry = AuditEntry.objects.get(event="request.approved")
    content = json.loads(bytes(entry.body))
    assert content["actor"]["name"] == people.peer.email
    assert content["facts"]["identity"] == WORKLOAD


def test_two_people_under_one_workload_are_two_and_the_whole_log_verifies(
    acme, people, high_request, platform, seal, client_for
):
    factories.approve(high_request, people.approver1)
    platform.renew()
    assert factories.approve(high_request, people.approver2).grant is not None
    file = seal()

    assert Bundle.objects.filter(identity=WORKLOAD).count() == 4
    assert report_on(acme, file) == ([], [])
    seq = AuditEntry.objects.filter(event="request.approved").first().seq
    page = client_for(people.auditor).get(f"/t/acme/audit/{seq}").content.decode()
    assert f"Signed by {WORKLOAD}" in page
    assert "The signature holds: no." not in page


def test_one_person_twice_under_a_workload_is_not_a_quorum(
    acme, people, high_request, platform, monkeypatch
):
    """The verifier counts whom the statements name, not bundles."""
    from breakglass.audit import verify  # noqa: PLC0415 - pure, beside its use

    factories.approve(high_request, people.approver1)
    platform.renew()
    factories.approve(high_request, people.approver2)
    facts = json.loads(bytes(AuditEntry.objects.get(event="grant.issued").body))[
        "facts"
    ]
    held = {
        digest: verify.StoredBundle(
            raw=b"",
            statement=b"",
            identity=WORKLOAD,
            kind="approval",
            subject_sha256=facts["digest"],
            person=people.approver1.email,
        )
        for digest in facts["approval_bundles"]
    }
    assert len(held) == 2
    assert not verify._has_quorum(facts, held)


def test_the_token_is_read_anew_for_each_signature(
    acme, people, gate, platform, advance
):
    first = factories.request(acme, people.oncall, gate)
    second = factories.request(acme, people.oncall, gate, service="payments")
    factories.approve(first, people.peer)
    with pytest.raises(SigningFailed, match="answered 401"):
        factories.approve(second, people.peer)  # the platform has not renewed it

    platform.renew()
    advance(30)
    assert approvals.resume_due() == 1


def test_without_a_token_the_decision_waits_for_one(
    people, pending_request, platform, advance
):
    platform.file.unlink()
    with pytest.raises(SigningFailed, match="TOKEN_FILE cannot be read") as caught:
        factories.approve(pending_request, people.peer)
    assert (caught.value.stage, caught.value.retryable) == ("identity", True)

    platform.renew()
    advance(30)
    assert approvals.resume_due() == 1
    assert Grant.objects.exists()


@pytest.mark.parametrize("offered", [None, ""])
def test_a_machine_without_an_identity_is_told_what_would_help(
    people, pending_request, platform, settings, monkeypatch, offered
):
    settings.WORKLOAD_TOKEN_FILE = ""
    monkeypatch.setattr(signing_identity, "detect_credential", lambda: offered)
    with pytest.raises(SigningFailed, match="set BREAKGLASS_WORKLOAD_TOKEN_FILE"):
        factories.approve(pending_request, people.peer)


def test_the_identity_that_the_platform_offers_signs(
    people, pending_request, platform, settings, monkeypatch, mint
):
    settings.WORKLOAD_TOKEN_FILE = ""
    monkeypatch.setattr(signing_identity, "detect_credential", lambda: mint(WORKLOAD))

    outcome = factories.approve(pending_request, people.peer)

    assert outcome.approval.bundle.identity == WORKLOAD


def test_another_workload_than_the_configured_one_does_not_count(
    people, pending_request, platform, mint
):
    """On the public instance every stranger gets certificates for their own name."""
    platform.file.write_text(mint("somebody@else.example"))
    with pytest.raises(SigningFailed, match="SANs do not match") as caught:
        factories.approve(pending_request, people.peer)

    assert caught.value.stage == "verify"
    assert not Bundle.objects.exists()


def test_nobody_may_have_the_workloads_address(people, platform):
    with pytest.raises(InvalidInput, match="the portal's own"):
        people_services.create(
            email=WORKLOAD.title(), name="Mallory", password=None, actor=OPERATOR
        )


# --------------------------------------------------------------------- the provider


@pytest.fixture
def provider(settings, platform):
    """The instance trusts the company's provider; here the authority plays it."""
    settings.SIGNING_IDENTITY = "provider"
    settings.PROVIDER_ISSUER = settings.SIGNING_ISSUER
    settings.PROVIDER_CLIENT_ID = "sigstore"
    return platform


def test_the_token_of_the_sign_in_puts_the_persons_name_into_the_certificate(
    people, pending_request, provider, mint
):
    draft = factories.intend(pending_request, people.peer)
    outcome = confirm(draft, people.peer, mint(people.peer.email))

    assert outcome.approval.bundle.identity == people.peer.email


def test_taken_up_again_without_a_sign_in_the_workload_signs(
    people, pending_request, provider, mint, advance, no_signing_service, settings
):
    draft = factories.intend(pending_request, people.peer)
    trust, settings.TRUST_CONFIG = settings.TRUST_CONFIG, "/nonexistent"
    with pytest.raises(SigningFailed):
        confirm(draft, people.peer, mint(people.peer.email))

    settings.TRUST_CONFIG = trust
    advance(30)
    assert approvals.resume_due() == 1
    assert Approval.objects.get().bundle.identity == WORKLOAD


def test_the_token_of_another_person_signs_nothing_that_counts(
    people, pending_request, provider, mint
):
    draft = factories.intend(pending_request, people.peer)
    with pytest.raises(SigningFailed) as caught:
        confirm(draft, people.peer, mint(people.approver1.email))

    assert caught.value.stage == "verify"
    assert not Bundle.objects.exists()


def test_a_token_for_another_audience_is_not_sent_anywhere(
    people, pending_request, provider, mint, settings
):
    settings.PROVIDER_CLIENT_ID = "another-application"
    draft = factories.intend(pending_request, people.peer)
    with pytest.raises(SigningFailed) as caught:
        confirm(draft, people.peer, mint(people.peer.email))

    assert caught.value.stage == "identity"


def test_no_token_is_stored(people, pending_request, provider, mint):
    token = mint(people.peer.email)
    draft = factories.intend(pending_request, people.peer)
    confirm(draft, people.peer, token)

    stored = {str(value) for row in Intent.objects.values_list() for value in row}
    assert not any(token in value for value in stored)
