"""
Two tenants whose logs hold one of everything, and the archives taken of them.

Real signatures by the embedded authority, made once per test process: what the tamper
suite breaks, and what the verifier's own tests look at.
"""

import functools
import io
import json
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import override_settings

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.services import deploys, grants, requests
from breakglass.services.approving import approvals, signatures
from breakglass.services.gates import terms
from breakglass.services.logs import exports, sealing
from breakglass.services.people import accounts as people_services
from breakglass.services.postmortems import writing
from breakglass.services.postmortems.writing import ActionItemInput
from breakglass.services.telling import delivery
from breakglass.states import DeployState
from tests import authenticator, database, factories
from tests.authenticator import DAY
from tests.flows.services import steps
from tests.flows.services.test_postmortems import WRITTEN

WORDS = "Checkout fällt aus: Zahlungen hängen für ein Drittel."


@dataclass(frozen=True)
class World:
    """One tenant's archives, as files, and what an auditor has besides."""

    slug: str
    files: dict[str, bytes]
    part: dict[str, bytes]
    trust: bytes
    outside: tuple[bytes, ...]
    names: SimpleNamespace


def unpack(raw):
    """Returns the files of a ZIP."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="session")
def worlds(django_db_setup, django_db_blocker):
    """The two worlds; their rows are gone again when this returns."""
    with django_db_blocker.unblock():
        return _built()


@functools.cache
def _built():
    with tempfile.TemporaryDirectory() as folder:
        kept = {
            "CHECKPOINT_DIR": f"{folder}/checkpoints",
            "EXPORT_DIR": f"{folder}/exports",
        }
        with override_settings(**kept):
            try:
                return tuple(_world(slug, Path(folder)) for slug in ("acme", "globex"))
            finally:
                database.flush()


def seal():
    """Seals, signs and publishes, as the sweeps would."""
    sealing.seal_due()
    signatures.sign_due()
    sealing.seal_due()


def take(tenant, auditor, scope):
    """Asks for an archive, makes it in the background, returns its files."""
    made = exports.ask(
        tenant=tenant, person=auditor, scope=scope, reason="The yearly audit."
    )
    seal()
    database.advance(90)  # what was sealed within the last minute may be left out
    assert exports.make_due() == 1
    made.refresh_from_db()
    assert made.state == "ready", made.error
    return unpack(exports.path_of(made).read_bytes())


def approve(bypass, key, *, ttl=None):
    """Approves with a passkey's assertion beside the real signature."""
    person, passkey = key
    draft = factories.intend(bypass, person, ttl=ttl, comment="Seen.")
    return approvals.confirm(
        intent_id=draft.public_id,
        approver=person,
        proof=passkey.proof(draft, clock.db_now()),
    )


def people(slug):
    """The people of `factories.people`, of another address."""
    return SimpleNamespace(
        **{
            role: factories.person(f"{role}@{slug}.example", role.title())
            for role in factories.ROLES_OF
        }
    )


def _world(slug, folder):
    who = people(slug)
    tenant = factories.tenant(slug, slug.title(), who)
    gate = factories.gate(tenant, "prod-deploy", environment="production")
    keys = [(one, authenticator.enrol(one)) for one in (who.approver1, who.approver2)]
    database.advance(DAY + 60)
    seal()
    names = SimpleNamespace(**_story(tenant, who, gate, keys))
    files = take(tenant, who.auditor, exports.WHOLE_LOG)
    part = take(tenant, who.auditor, exports.one_bypass(names.two))
    kept = (folder / "checkpoints" / f"{slug}.jsonl").read_bytes().splitlines()
    return World(slug, files, part, files["trust.json"], tuple(kept), names)


def _story(tenant, who, gate, keys):
    """One of everything: returns the bypass IDs by what became of them."""
    revoked = _revoked(tenant, who, gate)
    seal()
    two = factories.request(
        tenant, who.oncall, gate, impact="high", justification=WORDS
    )
    approve(two, keys[0], ttl=timedelta(minutes=10))
    factories.join(tenant, who.senior, "auditors")
    approve(two, keys[1])
    steps.ask(gate, "two-1")
    deploys.finish(gate=gate, deploy_id="two-1", state=DeployState.FAILED)
    signatures.sign_due()
    pinned = factories.request(tenant, who.oncall, gate, service="search")
    steps.publish(tenant, tier="high", passkey_required=True)
    factories.leave(tenant, who.security, "security")
    people_services.deactivate(user=who.security, actor=OPERATOR)
    factories.approve(pinned, who.peer)
    steps.ask(gate, "search-1", service="search")
    _ended_without_a_grant(tenant, who, gate)
    delivery.drain()
    terms.set_terms(gate=gate, at_close="finish", actor=OPERATOR)
    gate.refresh_from_db()
    database.advance(1200)
    grants.expire_due()
    deploys.finish(gate=gate, deploy_id="search-1", state=DeployState.SUCCEEDED)
    signatures.sign_due()
    database.advance(7200)
    requests.lapse_due()
    seal()
    after = factories.request(tenant, who.oncall, gate, impact="high")
    for key in keys:
        approve(after, key)
    signatures.sign_due()
    pending = factories.request(tenant, who.oncall, gate, service="mail")
    return {
        "revoked": revoked,
        "two": two.bypass_id,
        "pinned": pinned.bypass_id,
        "after": after.bypass_id,
        "pending": pending.bypass_id,
    }


def _revoked(tenant, who, gate):
    bypass = factories.request(
        tenant, who.oncall, gate, service="payments", justification=WORDS
    )
    factories.approve(bypass, who.peer)
    signatures.sign_due()
    for number in range(2):
        steps.ask(gate, f"pay-{number}", service="payments")
    deploys.finish(gate=gate, deploy_id="pay-0", state=DeployState.SUCCEEDED)
    named = {"tenant": tenant, "bypass_id": bypass.bypass_id, "person": who.oncall}
    grants.revoke(**named, reason="It works again.")
    writing.save_draft(
        **named,
        body=WRITTEN,
        action_items=[ActionItemInput("Scan each commit", "", is_done=False)],
        no_action_reason="",
        gate_blamed="partly",
        revision=0,
    )
    writing.publish(**named)
    return bypass.bypass_id


def _ended_without_a_grant(tenant, who, gate):
    rejected, withdrawn, _lapsed = (
        factories.request(tenant, who.oncall, gate, service=name)
        for name in ("one", "two", "three")
    )
    approvals.reject(
        tenant=tenant,
        bypass_id=rejected.bypass_id,
        approver=who.peer,
        digest=rejected.digest_hex,
        comment="Not tonight.",
    )
    requests.withdraw(
        tenant=tenant, bypass_id=withdrawn.bypass_id, requester=who.oncall
    )


def entries_of(files):
    """The parsed lines of entries.jsonl, bodies parsed as well."""
    lines = [json.loads(line) for line in files["entries.jsonl"].splitlines()]
    return [(line["seq"], json.loads(line["body"])) for line in lines]
