"""Builders that call the services, so that what a test starts from can exist."""

from datetime import timedelta
from types import SimpleNamespace

from breakglass import clock
from breakglass.actors import OPERATOR
from breakglass.models import RoleGroup, Tenant
from breakglass.rules.evidence import Proof
from breakglass.services import requests as request_services
from breakglass.services.approving import approvals
from breakglass.services.approving.freezing import RequestWish
from breakglass.services.gates import machines as machine_services
from breakglass.services.gates import registry as gate_services
from breakglass.services.gates import tokens as token_services
from breakglass.services.people import accounts as people_services
from breakglass.services.people import roles as role_services
from breakglass.services.tenancy import tenants as tenant_services

PASSWORD = "demo-password-1"
ROLES_OF = {
    "oncall": ["on-call", "peers"],
    "peer": ["peers"],
    "approver1": ["designated-approvers"],
    "approver2": ["designated-approvers"],
    "senior": ["named-seniors"],
    "auditor": ["auditors"],
    "security": ["security"],
    "admin": ["admins"],
}


def person(email, name, **fields):
    """Makes one account that can log in with PASSWORD."""
    return people_services.create(
        email=email, name=name, password=PASSWORD, actor=OPERATOR, **fields
    )


def people():
    """Makes one person a role, without a tenant yet."""
    return SimpleNamespace(
        **{
            role: person(f"{role}@acme.example", role.title(), is_staff=role == "admin")
            for role in ROLES_OF
        }
    )


def tenant(slug, name, who):
    """Makes a tenant and gives the people of `people()` their roles in it."""
    made = tenant_services.create(slug=slug, name=name, actor=OPERATOR)
    for role, groups in ROLES_OF.items():
        for group in groups:
            join(made, getattr(who, role), group)
    return made


def join(tenant, user, group):
    """Gives a person a role of the tenant."""
    role = RoleGroup.objects.get(tenant=tenant, slug=group)
    role_services.add_member(role=role, user=user, actor=OPERATOR)


def leave(tenant, user, group):
    """Takes a role of the tenant from a person."""
    role = RoleGroup.objects.get(tenant=tenant, slug=group)
    role_services.remove_member(role=role, user=user, actor=OPERATOR)


def stranger():
    """Makes Charlie, who is everything in globex and nothing in acme."""
    charlie = person("charlie@globex.example", "Charlie", is_staff=True)
    globex = tenant_services.create(slug="globex", name="Globex", actor=OPERATOR)
    for group in ("on-call", "peers", "designated-approvers", "admins"):
        join(globex, charlie, group)
    return charlie


def tenant_of(user):
    """Returns the one tenant that the person is in."""
    return Tenant.objects.filter(roles__memberships__user=user).distinct().get()


def gate(tenant, slug, *, environment="", data_class="", in_setup=False):
    """Registers a gate."""
    return gate_services.register(
        tenant=tenant,
        slug=slug,
        name=slug.replace("-", " "),
        environment=environment,
        data_class=data_class,
        actor=OPERATOR,
        in_setup=in_setup,
    )


def token(gate):
    """Issues a token of the gate."""
    return token_services.issue(gate=gate, actor=OPERATOR)


def machine(gate, *, issuer="https://127.0.0.1/nobody"):
    """Lets a job of GitHub's speak for the gate, of an issuer that never answers."""
    return machine_services.add(
        gate=gate,
        kind="github_actions",
        issuer=issuer,
        audience=f"https://breakglass.example.com/t/acme/gates/{gate.slug}",
        claims={"repository_id": "123456", "repository_owner_id": "4242"},
        actor=OPERATOR,
    )


def wish(gate, **fields):
    """Returns what an on-call would fill in for this gate."""
    filled = {
        "gate": gate.slug,
        "service": "checkout",
        "branch": "",
        "artifact": "",
        "impact": "low",
        "justification": "Checkout returns 5xx for a third of all users.",
        "incident_url": "https://incidents.example/INC-771",
        "ttl": timedelta(minutes=15),
    }
    return RequestWish(**{**filled, **fields})


def request(tenant, requester, gate, **fields):
    """Opens a request as that person."""
    return request_services.open_request(
        tenant=tenant, requester=requester, wish=wish(gate, **fields)
    )


def intend(bypass, approver, *, ttl=None, comment=""):
    """Stores that person's decision as a draft."""
    return approvals.intend(
        tenant=bypass.tenant,
        bypass_id=bypass.bypass_id,
        approver=approver,
        digest=bypass.digest_hex,
        ttl=ttl,
        comment=comment,
    )


def approve(bypass, approver, *, ttl=None, comment=""):
    """Signs and records that person's approval; returns the outcome."""
    intent = intend(bypass, approver, ttl=ttl, comment=comment)
    return confirm(intent, approver)


def proof(at=None):
    """A sign-in by password, just now."""
    return Proof(method="password", at=at or clock.db_now())


def confirm_with(intent, approver, key):
    """Goes on from a draft with the answer of a passkey."""
    return approvals.confirm(
        intent_id=intent.public_id,
        approver=approver,
        proof=key.proof(intent, clock.db_now()),
    )


def confirm(intent, approver):
    """Goes on from a draft, freshly authenticated."""
    return approvals.confirm(
        intent_id=intent.public_id,
        approver=approver,
        proof=proof(),
    )
