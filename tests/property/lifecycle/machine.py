"""
A random walk from request to post-mortem on the real services and the real database.

Each example is one savepoint of the test's transaction, rolled back at its end: the
clock, the people and the log start afresh. Signing is the one step with a seam: the
machine is about who may do what when, which a signature does not change, and a real
one costs 30 to 100 ms. So `Signatures.real` chooses: the quick walks store bundles
made here (every constraint and trigger of the database still sees them), and a
second test walks with the real authority and verifies the whole log at its end.
"""

import uuid
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from django.conf import settings as django_settings
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.errors import BreakglassError
from breakglass.models import User
from breakglass.services import deploys, grants, requests, sweeps
from breakglass.services.approving import approvals, signatures
from breakglass.services.people import accounts
from breakglass.signing import SignedBundle
from breakglass.states import DeployState
from tests import database, factories
from tests.flows.services import steps
from tests.property.lifecycle import checks
from tests.property.lifecycle.model import Asked, Granted, Rung, World

NAMES = ("oncall", "peer", "approver1", "approver2", "senior", "machine")
GROUPS = ("peers", "designated-approvers", "named-seniors")
GATES = ("prod-deploy", "db-migrate")
SERVICES = ("checkout", "payments")
TIERS = ("low", "high", "production-database")
SHIPPED = {
    "low": {"needs": {"peers": 1}},
    "high": {"needs": {"designated-approvers": 2}, "max_active": 2},
    "production-database": {
        "needs": {"named-seniors": 1, "designated-approvers": 1},
        "max_active": 1,
    },
}
NEEDS = st.dictionaries(
    st.sampled_from(GROUPS), st.integers(1, 2), min_size=1, max_size=2
)
PERSON, GATE = st.sampled_from(NAMES), st.sampled_from(GATES)
SERVICE, TTL = st.sampled_from(SERVICES), st.sampled_from((900, 3600, 14400))
PICK = st.integers(0, 5)


def made_here(intent):
    """A bundle that no authority made; unique, as the table demands."""
    email = intent.signer.email if intent.signer else django_settings.SIGNING_WORKLOAD
    return SignedBundle(
        raw=uuid.uuid4().bytes + sha256(bytes(intent.statement)).digest(),
        payload=bytes(intent.statement),
        identity=email,
        issuer=django_settings.SIGNING_ISSUER,
        log_index=1,
        integrated_at=datetime(2026, 11, 22, tzinfo=UTC),
    )


def on_stage(walker):
    """The machine with its people, tenant and gates: made once, for every example."""
    who = factories.people()
    who.machine = factories.person("machine@acme.example", "CI", kind="machine")
    acme = factories.tenant("acme", "Acme", who)
    factories.join(acme, who.machine, "peers")
    gates = {
        "prod-deploy": factories.gate(acme, "prod-deploy"),
        "db-migrate": factories.gate(
            acme, "db-migrate", data_class="production-database"
        ),
    }
    return type("OnStage", (walker,), {"who": who, "acme": acme, "gates": gates})


class Lifecycle(RuleBasedStateMachine):
    """Does anything that anybody may try, and compares with the model."""

    @initialize()
    def start(self):
        self.example = transaction.atomic()
        self.example.__enter__()
        self.world = World(
            groups={
                "peers": {"oncall", "peer", "machine"},
                "designated-approvers": {"approver1", "approver2"},
                "named-seniors": {"senior"},
            },
            rungs={slug: Rung(**fields) for slug, fields in SHIPPED.items()},
            machines={"machine"},
        )
        self.deploys = {}

    def teardown(self):
        if not hasattr(self, "example"):
            return
        try:
            checks.at_the_end(self)
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    # --- asking and answering ------------------------------------------------------

    @rule(name=PERSON, gate=GATE, service=SERVICE, high=st.booleans(), ttl=TTL)
    def open_request(self, name, gate, service, high, ttl):
        person = self.person(name)
        wish = factories.wish(
            self.gates[gate],
            service=service,
            impact="high" if high else "low",
            ttl=timedelta(seconds=ttl),
        )
        bypass = self.tried(
            lambda: requests.open_request(tenant=self.acme, requester=person, wish=wish)
        )
        if bypass is None:
            return
        assert name not in self.world.inactive
        tier = TIERS[2] if gate == "db-migrate" else TIERS[1 if high else 0]
        assert bypass.tier.slug == tier
        assert ttl in self.world.rungs[tier].ttls
        self.world.asked[bypass.bypass_id] = Asked(
            bypass_id=bypass.bypass_id,
            gate=gate,
            service=service,
            requester=name,
            tier=tier,
            pinned=self.world.rungs[tier],
            ttl=ttl,
            lapses_at=bypass.lapses_at,
        )

    @rule(pick=PICK, name=PERSON, ttl=TTL)
    def approve(self, pick, name, ttl):
        self.say_yes(pick, name, ttl)

    @rule(pick=PICK)
    def everybody_approves(self, pick):
        """Keeps the walk moving: a random person is rarely the right one."""
        for name in NAMES:
            self.say_yes(pick, name, None)

    def say_yes(self, pick, name, ttl):
        asked = self.a_request(pick)
        if asked is None:
            return
        seconds = min(ttl or asked.ttl, asked.ttl)
        was_open = self.is_open(asked)
        before, counts = set(self.world.granted), self.world.may_decide(asked, name)
        outcome = self.tried(lambda: self.signed(asked, name, seconds))
        if outcome is None:
            refused_for_room = (
                was_open and counts and not self.world.has_room(asked, clock.db_now())
            )
            assert refused_for_room or not (was_open and counts), "a good yes, refused"
            return
        assert was_open, "a yes counted after the end"
        assert counts, f"{name} must not count for {asked.bypass_id}"
        asked.yes[name] = seconds
        assert (outcome.grant is not None) is self.world.quorum(asked)
        if outcome.grant is not None:
            self.granted(asked, outcome.grant)
        assert set(self.world.granted) >= before

    def signed(self, asked, name, seconds):
        bypass = checks.request_row(asked.bypass_id)
        with transaction.atomic():  # a refusal at the end leaves no half of it
            return steps.approve(
                bypass, self.person(name), ttl=timedelta(seconds=seconds)
            )

    def granted(self, asked, grant):
        assert self.world.has_room(asked, grant.starts_at)
        length = grant.expires_at - grant.starts_at
        assert length == self.world.ttl(asked) <= timedelta(hours=4)
        assert grant.max_deploys == self.world.max_deploys(asked)
        asked.state = "approved"
        self.world.granted[asked.bypass_id] = Granted(
            asked=asked,
            starts_at=grant.starts_at,
            expires_at=grant.expires_at,
            max_deploys=grant.max_deploys,
        )

    @rule(pick=PICK, name=PERSON)
    def reject(self, pick, name):
        asked = self.a_request(pick)
        if asked is None:
            return
        bypass = checks.request_row(asked.bypass_id)
        may = self.is_open(asked) and self.world.may_decide(asked, name)
        done = self.tried(
            lambda: approvals.reject(
                tenant=self.acme,
                bypass_id=asked.bypass_id,
                approver=self.person(name),
                digest=bypass.digest_hex,
                comment="No.",
            )
        )
        assert (done is not None) is may
        if may:
            asked.state = "rejected"

    @rule(pick=PICK, name=PERSON)
    def withdraw(self, pick, name):
        asked = self.a_request(pick)
        if asked is None:
            return
        may = asked.state == "pending" and name == asked.requester
        done = self.tried(
            lambda: requests.withdraw(
                tenant=self.acme,
                bypass_id=asked.bypass_id,
                requester=self.person(name),
            )
        )
        assert (done is not None) is may
        if may:
            asked.state = "withdrawn"

    # --- what changes around it ----------------------------------------------------

    @rule(tier=st.sampled_from(TIERS), needs=NEEDS, limit=st.sampled_from((None, 1)))
    def change_policy(self, tier, needs, limit):
        ttls = (900,) if limit else (900, 3600, 14400)
        published = self.tried(
            lambda: self.published(tier, needs, max_deploys=limit, ttl_choices=ttls)
        )
        if published is not None:
            old = self.world.rungs[tier]
            self.world.rungs[tier] = Rung(needs, ttls, limit, old.max_active)

    def published(self, tier, needs, **fields):
        with transaction.atomic():
            return steps.publish(
                self.acme,
                tier=tier,
                requirements=needs,
                **{**fields, "ttl_choices": list(fields["ttl_choices"])},
            )

    @rule(name=PERSON, group=st.sampled_from(GROUPS))
    def move_in_or_out(self, name, group):
        members = self.world.groups[group]
        move = factories.leave if name in members else factories.join
        move(self.acme, self.person(name), group)
        members ^= {name}

    @rule(name=PERSON)
    def switch_off_or_on(self, name):
        switch = (
            accounts.activate if name in self.world.inactive else accounts.deactivate
        )
        switch(user=self.person(name), actor=OPERATOR)
        self.world.inactive ^= {name}

    # --- shipping and closing ------------------------------------------------------

    @rule(gate=GATE, service=SERVICE, number=st.integers(1, 4))
    def decide(self, gate, service, number):
        deploy_id = f"d-{number}"
        before = clock.db_now()
        known = self.deploys.get((gate, deploy_id))
        answer = steps.ask(self.gates[gate], deploy_id, service=service)
        if known is None:
            # Time passes between the two looks; a grant may end meanwhile.
            could = self.world.covering(gate, service, before)
            still = self.world.covering(gate, service, clock.db_now())
            assert steps.verdict(answer)[0] != "bypass" or could
            assert steps.verdict(answer)[0] == "bypass" or not still
        if steps.verdict(answer)[0] != "bypass":
            return
        grant = self.world.granted[answer.decision.bypass_id]
        assert grant.in_force(answer.evaluated_at)
        assert (grant.asked.gate, grant.asked.service) == (gate, service)
        assert known in (None, (grant.asked.bypass_id, service))
        self.deploys[gate, deploy_id] = (grant.asked.bypass_id, service)
        grant.deploys.add(deploy_id)

    @rule(gate=GATE, number=st.integers(1, 4), good=st.booleans())
    def finish(self, gate, number, good):
        state = DeployState.SUCCEEDED if good else DeployState.FAILED
        self.tried(
            lambda: deploys.finish(
                gate=self.gates[gate], deploy_id=f"d-{number}", state=state
            )
        )

    @rule(pick=PICK, name=st.sampled_from((*NAMES, "security")))
    def revoke(self, pick, name):
        grant = self.a_grant(pick)
        if grant is None:
            return
        now = clock.db_now()
        done = self.tried(
            lambda: grants.revoke(
                tenant=self.acme,
                bypass_id=grant.asked.bypass_id,
                person=self.person(name),
                reason="Over.",
            )
        )
        if done is None:
            sure = name == "security" and grant.in_force(now + timedelta(seconds=5))
            assert not sure, "security could not close a grant"
            return
        assert grant.in_force(now)
        assert name not in self.world.inactive
        grant.state = "revoked"

    @rule(seconds=st.sampled_from((1, 59, 600, 899, 900, 3600, 7200, 14400)))
    def advance(self, seconds):
        database.advance(seconds)

    @rule(name=st.sampled_from(sorted(sweeps.SWEEPS)), times=st.integers(1, 2))
    def sweep(self, name, times):
        for _ in range(times):
            sweeps.SWEEPS[name]()

    @rule(name=PERSON, pick=PICK)
    def sign_in_but_never_finish(self, name, pick):
        """A crash between the commit of the intent and its signature."""
        asked = self.a_request(pick)
        if asked is None:
            return
        bypass = checks.request_row(asked.bypass_id)
        self.tried(lambda: factories.intend(bypass, self.person(name)))

    @invariant()
    def all_promises_hold(self):
        if hasattr(self, "world"):
            checks.after_every_step(self)

    # --- helpers -------------------------------------------------------------------

    def person(self, name):
        """Read afresh: no service may trust the caller's copy, nor get a stale one."""
        return User.objects.get(pk=getattr(self.who, name).pk)

    def tried(self, verb):
        """Runs a verb; a refusal is an answer, any other error is a bug."""
        try:
            return verb()
        except BreakglassError:
            return None

    def is_open(self, asked):
        return asked.state == "pending" and clock.db_now() < asked.lapses_at

    def a_request(self, pick):
        known = list(self.world.asked.values())
        return known[-1 - pick % len(known)] if known else None

    def a_grant(self, pick):
        known = list(self.world.granted.values())
        return known[-1 - pick % len(known)] if known else None


class Signatures:
    """Lets signing happen inside the machine's transaction, really or not."""

    def __init__(self, monkeypatch, *, real):
        fulfil = steps.sign_here
        monkeypatch.setattr(signatures, "fulfil", lambda *, intent, **_: fulfil(intent))
        if not real:
            monkeypatch.setattr(signatures, "_sign", made_here)
