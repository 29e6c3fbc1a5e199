"""The log's rates: entries written, walked and proven, bundles verified."""

import time
from datetime import UTC, datetime, timedelta
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

APPENDED = 2_000
ENTRIES = 200_000
SIGNED = 100
BUNDLES = 6_000
PROCESSES = (1, 2)
START = datetime(2026, 1, 1, tzinfo=UTC)
ALICE = {"kind": "user", "id": "6a1d4d5e-0c1b", "name": "alice@acme.example"}
_COLUMNS = "tenant_id, seq, prev_hash, entry_hash, body, at, event, actor, bypass_id"


def measure() -> None:
    """Prints every rate; exits with a message when a log does not verify."""
    _append()
    _walk()
    _tree()
    _bundles()


def _append() -> None:
    """Appends a hundred a transaction, as busy services do."""
    from django.db import transaction

    from breakglass.actors import OPERATOR
    from breakglass.audit import events, ledger
    from breakglass.models import Tenant

    tenant = Tenant.objects.get(slug="acme")
    began, cpu = time.perf_counter(), _cpu()
    for batch in range(APPENDED // 100):
        with transaction.atomic():
            for number in range(100):
                ledger.append(
                    tenant=tenant,
                    event=events.GATE_CHANGED,
                    actor=OPERATOR,
                    facts={"gate": "prod-deploy", "n": batch * 100 + number},
                )
    spent, burnt = time.perf_counter() - began, _cpu() - cpu
    note = f"100 a transaction; {1e6 * burnt / APPENDED:.0f} µs of CPU each"
    _say("appends", APPENDED, spent, note)


def _walk() -> None:
    """Verifies a log of many entries, from its first, reading it from PostgreSQL."""
    from breakglass.services.logs.verification import verify_tenant

    tenant = _filled()
    for processes in PROCESSES:
        began, cpu = time.perf_counter(), _cpu()
        report = verify_tenant(tenant=tenant, processes=processes)
        spent, burnt = time.perf_counter() - began, _cpu() - cpu
        if not report.ok or report.entries != ENTRIES:
            raise SystemExit(f"the log does not verify: {report.findings[:3]}")
        note = f"{_over(processes)}; {1e6 * burnt / ENTRIES:.1f} µs of CPU each"
        _say("chained entries verified", ENTRIES, spent, note)


def _tree() -> None:
    """Grows the Merkle tree, and makes and checks inclusion proofs."""
    from hashlib import sha256

    from breakglass.audit.tree import Frontier, Tree

    leaves = [sha256(b"%d" % number).digest() for number in range(ENTRIES)]
    began = time.perf_counter()
    Frontier().add(leaves)
    _say("tree leaves added", ENTRIES, time.perf_counter() - began)
    tree, some = Tree(leaves), range(1, ENTRIES, 10)
    began = time.perf_counter()
    for seq in some:
        tree.inclusion(seq=seq)
    _say("inclusion proofs made", len(some), time.perf_counter() - began)


def _bundles() -> None:
    """Verifies real bundles again and again; no result is kept between two looks."""
    from breakglass.services.logs.verifying import bundles

    signed = _signed()
    many = (signed * (BUNDLES // len(signed) + 1))[:BUNDLES]
    for processes in PROCESSES:
        cpu = _cpu()
        with bundles.checks(processes=processes, expected=BUNDLES) as check:
            list(check(many[:500]))  # the children start, and parse their keys
            began = time.perf_counter()
            wrong = [one for one in check(many) if one]
            spent = time.perf_counter() - began
        if wrong:
            raise SystemExit(f"a bundle does not verify: {wrong[0]}")
        each = 1e6 * (_cpu() - cpu) / (BUNDLES + 500)
        _say("bundles verified", BUNDLES, spent, f"{_over(processes)}; {each:.0f} µs")


def _filled():
    """Makes a tenant with a long log: the writer's bytes, stored by COPY."""
    import os

    import psycopg

    from breakglass.actors import OPERATOR
    from breakglass.audit import chain
    from breakglass.models import ChainHead
    from breakglass.services.tenancy import tenants

    tenant = tenants.create(slug="long", name="Long", actor=OPERATOR)
    head = ChainHead.objects.get(tenant=tenant)
    prev, seq = bytes(head.entry_hash), head.seq
    with psycopg.connect(os.environ["BREAKGLASS_OWNER_DATABASE_URL"]) as owner:
        owner.execute("ALTER TABLE breakglass_auditentry DISABLE TRIGGER USER")
        begun = datetime.now(UTC)
        with owner.cursor().copy(
            f"COPY breakglass_auditentry ({_COLUMNS}) FROM STDIN"
        ) as rows:
            while seq < ENTRIES:
                seq += 1
                at = begun + timedelta(microseconds=seq)
                body = {
                    "type": chain.TYPE,
                    "tenant": {"id": str(tenant.public_id), "slug": "long"},
                    "seq": seq,
                    "prev": prev.hex(),
                    "at": chain.timestamp(at),
                    "event": "deploy.admitted",
                    "actor": ALICE,
                    "bypass_id": "BG-7Q4MZK",
                    "facts": {
                        "deploy_id": f"gha-{seq}",
                        "service": "checkout",
                        "branch": "main",
                        "artifact": "",
                        "on_behalf_of": "alice",
                        "admitted_at": chain.timestamp(at),
                        "expires_at": chain.timestamp(at + timedelta(minutes=15)),
                    },
                }
                raw = chain.canonical(body)
                digest = chain.entry_hash(raw)
                words = ("deploy.admitted", ALICE["name"], "BG-7Q4MZK")
                rows.write_row((tenant.pk, seq, prev, digest, raw, at, *words))
                prev = digest
        owner.execute(
            "UPDATE breakglass_chainhead SET seq = %s, entry_hash = %s, max_at = %s "
            "WHERE tenant_id = %s",
            [seq, prev, at, tenant.pk],
        )
        owner.commit()  # its foreign keys are checked here
        owner.execute("ALTER TABLE breakglass_auditentry ENABLE TRIGGER USER")
    return tenant


def _signed() -> list[tuple[bytes, bytes, str, str]]:
    """Has the embedded authority sign some statements."""
    from hashlib import sha256

    from django.conf import settings

    from breakglass.signing import SignerIdentity, statements
    from breakglass.signing.keyless import signer_from_settings

    who = SignerIdentity(settings.SIGNING_WORKLOAD, settings.SIGNING_WORKLOAD)
    made = []
    for number in range(SIGNED):
        statement = statements.statement(
            name=f"bench/{number}",
            sha256=sha256(b"%d" % number).digest(),
            predicate_type=statements.CHECKPOINT_TYPE,
            predicate={"size": number},
        )
        bundle = signer_from_settings().sign(statement=statement, identity=who)
        made.append((bundle, statement, who.email, "instance"))
    return made


def _cpu() -> float:
    """Returns the seconds of CPU that this process and its ended children took."""
    both = (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def _over(processes: int) -> str:
    return "one process" if processes == 1 else f"{processes} processes"


def _say(what: str, count: int, seconds: float, note: str = "") -> None:
    print(f"{what:<26}{count / seconds:>10,.0f} per second  {note}".rstrip())
