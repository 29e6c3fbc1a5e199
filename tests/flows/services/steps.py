"""Steps that many tests of the services take: sign, grant, ask, change the policy."""

import json
from datetime import timedelta

from breakglass.actors import OPERATOR
from breakglass.models import AuditEntry, Bundle, Requirement, RoleGroup
from breakglass.rules.decision import Question
from breakglass.rules.scopes import Scope
from breakglass.services import decisions
from breakglass.services.approving import approvals, counting, signatures
from breakglass.services.tenancy import policies
from tests import factories

MINUTE = 60
DIGEST = "sha256:" + "9f" * 32
QUARTER = timedelta(minutes=15)


def sign_here(intent):
    """
    Signs a committed intent for real, inside the test's own transaction.

    `signatures.fulfil` refuses to run there, rightly; these are its three parts. It
    saves the flush of every table after a test that is not about signing.
    """
    return signatures._store(intent=intent, signed=signatures._sign(intent))


def commit(intent, approver):
    """Takes a draft as far as the bytes that are about to be signed."""
    return approvals._commit(
        intent_id=intent.public_id,
        approver=approver,
        proof=factories.proof(),
    )


def approve(bypass, approver, *, ttl=None, comment=""):
    """Approves with a real signature inside the test's transaction."""
    draft = factories.intend(bypass, approver, ttl=ttl, comment=comment)
    intent = commit(draft, approver)
    return counting.record(intent=intent, bundle=sign_here(intent))


def grant(tenant, people, gate, *, approver=None, **fields):
    """Opens a low request of the on-call and grants it at once."""
    bypass = factories.request(tenant, people.oncall, gate, **fields)
    return approve(bypass, approver or people.peer).grant


def ask(gate, deploy_id="gha-1", *, service="checkout", branch="", artifact="", **how):
    """Asks as the gate would."""
    scope = Scope(gate=gate.slug, service=service, branch=branch, artifact=artifact)
    question = Question(scope=scope, deploy_id=deploy_id)
    return decisions.decide(gate=gate, question=question, **how)


def verdict(answer):
    """The two words of an answer that matter."""
    return str(answer.decision.verdict), str(answer.decision.reason)


def publish(tenant, *, tier="low", requirements=None, **fields):
    """Publishes the next version, with one tier of it changed."""
    draft = policies.new_draft(tenant=tenant, author=None)
    changed = draft.tiers.get(slug=tier)
    for name, value in fields.items():
        setattr(changed, name, value)
    changed.save(update_fields=list(fields) or None)
    if requirements is not None:
        changed.requirements.all().delete()
        for group, count in requirements.items():
            Requirement.objects.create(
                tier=changed,
                group=RoleGroup.objects.get(tenant=tenant, slug=group),
                count=count,
            )
    return policies.publish(policy_id=draft.pk, actor=OPERATOR)


def events(tenant, *, after=0):
    """The names of the tenant's entries, oldest first, behind number `after`."""
    rows = AuditEntry.objects.filter(tenant=tenant, seq__gt=after).order_by("seq")
    return list(rows.values_list("event", flat=True))


def facts(tenant, event):
    """What the tenant's newest entry of that event says."""
    row = AuditEntry.objects.filter(tenant=tenant, event=event).latest("seq")
    return json.loads(bytes(row.body))["facts"]


def size(tenant):
    """How long the tenant's chain is."""
    return AuditEntry.objects.filter(tenant=tenant).count()


def bundle_of(outcome):
    """The stored evidence of one approval."""
    return Bundle.objects.get(approval=outcome.approval)
