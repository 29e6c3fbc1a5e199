"""
The demo's data, made through the services: two tenants, people of every role, gates,
and bypasses in every state, each of them really signed.
"""

import secrets
from collections.abc import Callable
from typing import Final

from breakglass.actors import OPERATOR
from breakglass.models import RoleGroup, Tenant, User
from breakglass.queries import policies as policy_queries
from breakglass.services.approving import signatures
from breakglass.services.gates import health, registry, tokens
from breakglass.services.logs import sealing
from breakglass.services.people import accounts, roles
from breakglass.services.tenancy import policies, tenants
from portal.management import demo_clock, demo_past, demo_story
from portal.management.demo_story import World

Progress = Callable[[str], None]

ACME_PEOPLE: Final = {
    "oncall": ("Ona Calloway", ["on-call", "peers"]),
    "peer": ("Pietro Ricci", ["peers"]),
    "approver1": ("Amara Okafor", ["designated-approvers", "security"]),
    "approver2": ("Bo Lindqvist", ["designated-approvers"]),
    "senior": ("Selma Haddad", ["named-seniors"]),
    "auditor": ("Aude Martin", ["auditors"]),
    "admin": ("Ada Brandt", ["admins"]),
}
GLOBEX_PEOPLE: Final = {
    "oncall": ("Omar Diaz", ["on-call", "peers"]),
    "admin": ("Anneke Vos", ["admins", "designated-approvers"]),
}
GATES: Final = (
    ("prod-deploy", "Production deploys", "production", ""),
    ("image-policy", "Image signature policy", "production", ""),
    ("db-migrate", "Database migrations", "production", "production-database"),
    ("change-freeze", "Change freeze", "", ""),
)


def seed(*, progress: Progress) -> dict[str, object]:
    """
    Makes the demo's data where it is not there yet; says each step to `progress`.

    Returns tenant, people and gates for `var/demo.json`. Secrets are only known on the
    run that makes them: on kept data their fields are None.
    """
    if Tenant.objects.filter(slug="acme").exists():
        demo_clock.run_right()
        progress("The demo's data is there already and is kept.")
        return _kept()
    password = f"glass-{secrets.token_hex(4)}"
    progress("Making the tenants acme and globex, their people and gates.")
    with demo_clock.set_back() as set_back:
        set_back(demo_past.BEGAN)
        acme = _world("acme", "Acme", ACME_PEOPLE, password)
        _offer_one_minute(acme.tenant)
        progress("Living through the last weeks, on a clock that is set back.")
        demo_past.live_through(acme, set_back=set_back)
    demo_past.look_alive(acme)
    globex = _world("globex", "Globex", GLOBEX_PEOPLE, password)
    progress("Asking for bypasses, signing the approvals, shipping, closing.")
    demo_story.closed_bypasses(acme)
    demo_story.open_bypasses(acme)
    demo_story.other_tenant(globex)
    health.raise_due()
    # The worker sends the messages; here the portal's own statements are signed.
    signatures.sign_due()
    sealing.seal_due()
    signatures.sign_due()
    return {
        "tenant": "acme",
        "people": [
            *_people("acme", ACME_PEOPLE, password),
            *_people("globex", GLOBEX_PEOPLE, password),
        ],
        "gates": [
            {
                "slug": slug,
                "token": tokens.issue(gate=gate, actor=OPERATOR),
                "tenant": "acme",
            }
            for slug, gate in acme.gates.items()
        ],
    }


def _kept() -> dict[str, object]:
    return {
        "tenant": "acme",
        "people": [
            *_people("acme", ACME_PEOPLE, None),
            *_people("globex", GLOBEX_PEOPLE, None),
        ],
        "gates": [
            {"slug": slug, "token": None, "tenant": "acme"} for slug, *_ in GATES
        ],
    }


def _people(
    tenant: str, who: dict[str, tuple[str, list[str]]], password: str | None
) -> list[dict[str, object]]:
    return [
        {"email": f"{key}@{tenant}.example", "password": password, "roles": groups}
        for key, (_, groups) in who.items()
    ]


def _world(
    slug: str, name: str, who: dict[str, tuple[str, list[str]]], password: str
) -> World:
    tenant = tenants.create(slug=slug, name=name, actor=OPERATOR)
    by_slug = {role.slug: role for role in RoleGroup.objects.filter(tenant=tenant)}
    made: dict[str, User] = {}
    for key, (full_name, groups) in who.items():
        made[key] = accounts.create(
            email=f"{key}@{slug}.example",
            name=full_name,
            password=password,
            actor=OPERATOR,
            is_staff=key == "admin",
        )
        for group in groups:
            roles.add_member(role=by_slug[group], user=made[key], actor=OPERATOR)
    guarded = {
        gate: registry.register(
            tenant=tenant,
            slug=gate,
            name=title,
            environment=environment,
            data_class=data_class,
            actor=OPERATOR,
        )
        for gate, title, environment, data_class in GATES
    }
    return World(tenant=tenant, people=made, gates=guarded)


def _offer_one_minute(tenant: Tenant) -> None:
    """Publishes version 2, whose low tier offers a minute: to watch a window close."""
    draft = policies.new_draft(tenant=tenant, author=None)
    low = draft.tiers.get(slug="low")
    low.ttl_choices = [60, *low.ttl_choices]
    low.save(update_fields=["ttl_choices"])
    draft.note = "Offer one minute on the low tier, for the demo"
    draft.save(update_fields=["note"])
    policies.publish(policy_id=draft.pk, actor=OPERATOR)
    latest = policy_queries.current(tenant=tenant)
    if latest is None or latest.pk != draft.pk:
        msg = "the demo's policy was not published"
        raise RuntimeError(msg)
