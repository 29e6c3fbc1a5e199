"""A bound machine speaks for its gate, each token for one deploy."""

import threading

import pytest
from django.db import connection

from breakglass.actors import OPERATOR
from breakglass.models import GateContact, TokenUse
from breakglass.services.gates import contacts, issuers, registry
from breakglass.services.gates.machines import use_once
from tests import factories
from tests.conformance.api.gate_client import (
    DECISIONS,
    HEARTBEAT,
    ask,
    assert_enforced,
    beat,
    call,
    report,
)

pytestmark = pytest.mark.django_db

KUBERNETES = {
    "repository": None,
    "repository_id": None,
    "repository_owner_id": None,
    "environment": None,
    "event_name": None,
    "sub": "system:serviceaccount:deploy:deployer",
    "kubernetes.io": {
        "namespace": "deploy",
        "serviceaccount": {
            "name": "deployer",
            "uid": "6f2c7a52-1df4-4a2b-8a7e-0a0f8c3c9d11",
        },
        "pod": {"name": "deploy-x", "uid": "11111111-2222-3333-4444-555555555555"},
    },
}


@pytest.fixture
def token(platform, audience):
    """Makes a token of the job, with claims changed."""
    return lambda **changed: platform.token(platform.claims(audience, **changed))


def last(gate):
    contacts.forget()
    return GateContact.objects.filter(gate=gate).order_by("-pk").first()


@pytest.mark.django_db(transaction=True)
def test_a_job_gets_its_bypass_and_reports_it_with_one_token(
    bound, token, active_grant
):
    one = token()

    first, again = ask(one).json(), ask(one).json()

    assert (first["decision"], again["decision"]) == ("bypass", "bypass")
    assert first["deploy"] == again["deploy"] == {"id": "run-1", "state": "admitted"}
    assert report(one, "succeeded").status_code == 200


def test_a_token_is_for_the_first_deploy_that_it_named(bound, token, gate):
    one = token()
    assert ask(one).status_code == 200

    other = ask(one, deploy_id="run-2")
    reported = report(one, "failed", deploy_id="run-2")

    for answer in (other, reported):
        assert_enforced(answer, status=401, code="unauthenticated")
    assert ask(one).status_code == 200
    assert ask(token(), deploy_id="run-2").status_code == 200
    seen = GateContact.objects.filter(gate=gate, is_accepted=False)
    assert {row.outcome for row in seen} == {"identity_used"}
    assert {row.token for row in seen} == {bound.short}


def test_a_rehearsal_binds_a_token_to_nothing_and_keeps_to_what_it_is_bound_to(
    bound, token
):
    one = token()
    assert ask(one, dry_run=True).status_code == 200
    assert ask(one, deploy_id="run-2", dry_run=True).status_code == 200
    assert not TokenUse.objects.exists()

    ask(one, deploy_id="run-2")

    assert_enforced(ask(one, dry_run=True), status=401)
    assert ask(one, deploy_id="run-2", dry_run=True).status_code == 200


def test_a_heartbeat_needs_no_deploy(bound, token, gate):
    assert beat(token()).json()["gate"] == "prod-deploy"
    assert not TokenUse.objects.exists()
    assert last(gate).token == bound.short


def test_nothing_but_a_good_body_uses_a_token_up(bound, token):
    one = token()
    assert_enforced(ask(one, unknown="field"), status=422)
    assert_enforced(ask(one, gate="db-migrate"), status=403)
    assert_enforced(call("POST", DECISIONS, token=one, raw=b"{"), status=422)
    assert_enforced(report(one, "succeeded", deploy_id="a b"), status=422)

    assert not TokenUse.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_deploys_at_once_a_token_is_for_one(bound, platform, gate, subtests):
    for round_ in range(10):
        with subtests.test(round_):
            start, won = threading.Barrier(4), []

            def use(number, jti=f"job-{round_}", start=start, won=won):
                try:
                    start.wait()
                    is_for = use_once(
                        issuer_id=bound.issuer_id,
                        jti=jti,
                        gate=gate,
                        deploy_id=f"run-{number}",
                        expires_at=bound.created_at,
                    )
                    won.append(number) if is_for else None
                finally:
                    connection.close()

            threads = [threading.Thread(target=use, args=(n,)) for n in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

            (winner,) = won
            assert TokenUse.objects.get(
                deploy_id=f"run-{winner}", used_at__isnull=False
            )
            TokenUse.objects.all().delete()


def test_a_used_token_is_remembered_beyond_its_end(bound, token, advance):
    ask(token())
    advance(360)
    issuers.refresh_due()
    assert TokenUse.objects.count() == 1

    advance(3700)
    issuers.refresh_due()

    assert not TokenUse.objects.exists()


def test_a_token_ends_by_the_databases_clock(bound, token, advance):
    one = token()
    advance(309)  # within the leeway
    assert ask(one).status_code == 200
    advance(2)

    assert_enforced(ask(one), status=401, code="unauthenticated")


def test_an_elliptic_key_is_as_good(bound, platform, audience):
    made = platform.token(
        platform.claims(audience), key=platform.ec, alg="ES256", kid="e1"
    )

    assert ask(made).status_code == 200


def test_an_audience_in_a_list_of_one_and_a_thumbprint_are_fine(
    bound, platform, audience
):
    made = platform.token(platform.claims([audience]), x5t="example", typ=None)

    assert ask(made).status_code == 200


def test_a_job_of_gitlab_speaks_by_its_projects_ids(bind, token, subtests):
    bind(kind="gitlab_ci", project_id="22", namespace_id="7", ref_protected="true")
    ids = {"project_id": "22", "namespace_id": "7", "ref_protected": "true"}

    assert ask(token(**ids), deploy_id="a").status_code == 200
    for name, other in (("project_id", "23"), ("namespace_id", "8")):
        with subtests.test(name):
            assert_enforced(ask(token(**{**ids, name: other})), status=401)
    with subtests.test("ref_protected"):
        assert_enforced(ask(token(**{**ids, "ref_protected": "false"})), status=401)
        assert_enforced(ask(token(**{**ids, "ref_protected": True})), status=401)


def test_an_account_of_a_cluster_speaks_by_its_uid(bind, token, subtests):
    account = KUBERNETES["kubernetes.io"]["serviceaccount"]
    bind(kind="kubernetes", namespace="deploy", serviceaccount_uid=account["uid"])
    assert ask(token(**KUBERNETES), deploy_id="a").status_code == 200

    inside = KUBERNETES["kubernetes.io"]
    for name, changed in {
        "made anew under its name": {
            **inside,
            "serviceaccount": {**account, "uid": account["uid"].replace("6", "7")},
        },
        "another namespace": {**inside, "namespace": "other"},
        "no account": {"namespace": "deploy"},
        "an account as text": {**inside, "serviceaccount": "deployer"},
        "nothing": None,
        "a list": [inside],
    }.items():
        with subtests.test(name):
            claims = {**KUBERNETES, "kubernetes.io": changed}
            assert_enforced(ask(token(**claims)), status=401)


def test_one_of_several_machines_is_enough(bind, token):
    bind(repository_id="1", repository_owner_id="2")
    bind(repository_id="123456", repository_owner_id="4242")

    assert ask(token()).status_code == 200


def test_the_gates_page_hears_why_and_from_whom(bind, token, gate, subtests):
    bind(repository_id="123456", repository_owner_id="4242", environment="production")
    for why, changed in {
        "identity_claim environment": {"environment": "staging"},
        "identity_no_jti": {"jti": None},
        "identity_event": {"event_name": "pull_request"},
        "identity_lifetime": {"exp": 2_000_000_000},
    }.items():
        with subtests.test(why):
            contacts.forget()
            assert_enforced(ask(token(**changed)), status=401)
            found = last(gate)
            assert (found.outcome, found.is_accepted) == (why, False)
            assert found.token == "id_unknown"


def test_who_cannot_sign_writes_nothing_on_a_gates_page(
    bound, platform, audience, gate
):
    forged = platform.token(platform.claims(audience)).rpartition(".")[0] + ".AAAA"

    assert_enforced(ask(forged), status=401)

    assert not GateContact.objects.filter(gate=gate).exists()


def test_a_paused_or_retired_gate_has_no_machines(bound, token, gate):
    registry.turn(gate=gate, is_active=False, actor=OPERATOR)
    assert_enforced(ask(token()), status=401)
    assert last(gate).outcome == "identity_gate_off"
    registry.retire(gate=gate, reason="it is not needed any more", actor=OPERATOR)

    assert_enforced(ask(token()), status=401)
    bound.refresh_from_db()
    assert bound.removed_at is not None


def test_an_inactive_tenants_machines_are_refused(bound, token, acme):
    acme.is_active = False
    acme.save(update_fields=["is_active"])

    assert_enforced(ask(token()), status=401, code="unauthenticated")


def test_the_same_machine_bound_to_another_gate_needs_that_gates_audience(
    bind, token, acme, audience
):
    other = factories.gate(acme, "db-migrate")
    bind(to=other)  # with the first gate's audience: the admin's own mistake
    answer = ask(token(), gate="db-migrate")

    assert answer.status_code == 200
    assert_enforced(ask(token(), gate="prod-deploy"), status=403)


def test_the_path_of_a_machine_is_short(bound, token, django_assert_num_queries):
    one = token()
    ask(one)  # and its first contact

    with django_assert_num_queries(5):  # issuer, machines, the use, whose, one look
        ask(one)
    with django_assert_num_queries(0):  # not even a known issuer's name is asked for
        call("POST", HEARTBEAT, token="a" * 20 + ".b.c", body={})
