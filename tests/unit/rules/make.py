"""Small builders, so that a test states only what it is about."""

from datetime import UTC, datetime, timedelta

from breakglass.rules.approval import Person
from breakglass.rules.decision import DeployView, GrantView, Question
from breakglass.rules.scopes import Scope
from breakglass.rules.tiers import Match, Policy, Requirement, Target, Tier
from breakglass.rules.window import Window

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DIGEST = "sha256:" + "9f" * 32

ALICE, BOB, CHARLIE, DORA = 1, 2, 3, 4


def scope(gate="prod-deploy", service="checkout", branch="", artifact=""):
    return Scope(gate=gate, service=service, branch=branch, artifact=artifact)


def person(who, *groups, human=True, active=True):
    return Person(id=who, groups=frozenset(groups), human=human, active=active)


def needs(**groups):
    return tuple(Requirement(group=name, count=n) for name, n in groups.items())


def tier(slug="low", **changes):
    values = {
        "slug": slug,
        "name": slug.title(),
        "match": Match(),
        "requirements": needs(peers=1),
        "ttl_choices": (15 * MINUTE, HOUR, 4 * HOUR),
        "pending_for": 4 * HOUR,
        "remind_after": 10 * MINUTE,
        "max_deploys": None,
        "digest_required": False,
        "max_active_per_service": None,
        "postmortem_days": 5,
    }
    return Tier(**{**values, **changes})


def policy(*tiers):
    return Policy(version=1, tiers=tiers)


def target(environment="production", data_class="", **parts):
    return Target(scope=scope(**parts), environment=environment, data_class=data_class)


def window(starts_at=NOON, lasts=HOUR):
    return Window(starts_at=starts_at, expires_at=starts_at + lasts)


def grant(bypass_id="BG-7Q4MZK", **changes):
    values = {
        "bypass_id": bypass_id,
        "scope": scope(),
        "window": window(),
        "state": "active",
        "max_deploys": None,
        "deploys_used": 0,
        "digest_required": False,
    }
    return GrantView(**{**values, **changes})


def deploy(deploy_id="gha-1", state="admitted", **changes):
    values = {"scope": scope(), "grant": grant()}
    return DeployView(deploy_id=deploy_id, state=state, **{**values, **changes})


def question(deploy_id="gha-1", *, cached_for=timedelta(0), is_counted=True, **parts):
    return Question(
        scope=scope(**parts),
        deploy_id=deploy_id,
        cached_for=cached_for,
        is_counted=is_counted,
    )
