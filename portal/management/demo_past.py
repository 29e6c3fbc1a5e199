"""The demo's last weeks, so that lists, charts and figures have something to say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from breakglass.rules.decision import Question
from breakglass.rules.scopes import Scope
from breakglass.services import decisions, grants
from breakglass.services.gates import days as gate_days
from breakglass.services.gates import registry
from breakglass.services.postmortems import writing
from portal.management import demo_story
from portal.management.demo_clock import SetBack
from portal.management.demo_story import World

BEGAN: Final = timedelta(weeks=11, days=2)
_DEPLOYS_A_DAY: Final = {"prod-deploy": 4, "change-freeze": 2, "image-policy": 2}
_WATCHED_DAYS: Final = 29
_WORKDAYS: Final = 5
_SILENT_DAYS: Final = 3
SILENT: Final = "image-policy"


@dataclass(frozen=True, slots=True)
class Past:
    """
    One bypass of the past: how many days ago, for what, and how it went.

    It was granted after `waited` minutes and closed after `lasted`, or by itself where
    that is None; `why` is empty where nobody has written the post-mortem yet.
    """

    days: int
    gate: str
    service: str
    said: str
    waited: int
    lasted: int | None
    why: str
    blamed: str = "partly"
    is_used: bool = True
    is_high: bool = False


_PAST: Final[Sequence[Past]] = (
    Past(
        77,
        "prod-deploy",
        "checkout",
        "Checkout answers 502 in Frankfurt since the "
        "load balancer was replaced. The route table has to be shipped now.",
        6,
        22,
        "The gate wants a green canary, and the canary's region was down.",
    ),
    Past(
        68,
        "change-freeze",
        "storefront",
        "The cookie banner covers the pay button on "
        "small phones. The fix is a line of CSS.",
        4,
        12,
        "The freeze makes no difference between text and code.",
    ),
    Past(
        61,
        "image-policy",
        "checkout",
        "The base image was rebuilt without its "
        "signature, and the certificate of checkout ends today.",
        11,
        None,
        "The build farm signs once a night; the rebuild came in between.",
    ),
    Past(
        52,
        "prod-deploy",
        "search",
        "Search returns yesterday's prices after the "
        "index was restored. It has to be rebuilt from the new commit.",
        3,
        31,
        "The gate did its work: the change had no second reviewer.",
        blamed="no",
        is_high=True,
    ),
    Past(
        45,
        "change-freeze",
        "help-centre",
        "The help centre names a phone number that belongs to somebody else.",
        14,
        9,
        "Nobody had thought of texts when the freeze was set up.",
    ),
    Past(
        37,
        "prod-deploy",
        "payments-api",
        "Refunds are booked twice since 09:10. The job has to be stopped by a deploy.",
        2,
        47,
        "The gate waits for a ticket, and the tracker was down as well.",
    ),
    Past(
        26,
        "change-freeze",
        "storefront",
        "The price of shipping shows as zero in two "
        "countries. Each order there loses money.",
        5,
        16,
        "Texts and prices are frozen with the code.",
    ),
    Past(
        19,
        "change-freeze",
        "storefront",
        "The voucher field takes any code. The check has to go back in.",
        8,
        20,
        "",
    ),
    Past(
        13,
        "image-policy",
        "mail",
        "Mails leave without their unsubscribe link. The "
        "image is yesterday's, and unsigned.",
        9,
        None,
        "",
        is_used=False,
    ),
    Past(
        6,
        "change-freeze",
        "storefront",
        "The stock of the winter sale is counted "
        "twice; people order what is not there.",
        3,
        25,
        "Third time this month: the storefront wants a rule of its own.",
        blamed="yes",
    ),
)


def live_through(world: World, *, set_back: SetBack) -> None:
    """Goes through the past, from BEGAN ago up to yesterday, on a clock set back."""
    days = {past.days: past for past in _PAST}
    for ago in range(BEGAN.days - 1, 0, -1):
        now = timedelta(days=ago)
        is_watched = ago <= _WATCHED_DAYS and ago % 7 < _WORKDAYS
        if ago in days or is_watched:
            set_back(now)
        if ago in days:
            _bypass(world, days[ago], now=now, set_back=set_back)
        if is_watched:
            _ask_all(world, day=ago)
            gate_days.TALLY.flush()
        if ago == _SILENT_DAYS:
            registry.heartbeat(gate=world.gates[SILENT], config_digest="")
            demo_story.call(world.gates[SILENT], name="heartbeat", outcome="ok")


def _bypass(world: World, past: Past, *, now: timedelta, set_back: SetBack) -> None:
    asked = demo_story.ask(
        world,
        past.gate,
        service=past.service,
        justification=past.said,
        impact="high" if past.is_high else "low",
        ttl=timedelta(minutes=15 if past.lasted is None else 60),
    )
    set_back(now - timedelta(minutes=past.waited))
    approvers = ("approver1", "approver2") if past.is_high else ("peer",)
    demo_story.approve(world, asked, *approvers, comment="")
    if past.is_used:
        demo_story.ship(world, asked, f"gha-{7000 - past.days}-1", ends=True)
    if past.lasted is None:
        set_back(now - timedelta(minutes=past.waited + 16))
        grants.expire_due()
    else:
        set_back(now - timedelta(minutes=past.waited + past.lasted))
        demo_story.close(world, asked, who="oncall", reason="Shipped and verified.")
    if past.why:
        set_back(now - timedelta(hours=6))
        demo_story.write_up(world, asked, _told(past))


def _told(past: Past) -> demo_story.WriteUp:
    look = writing.ActionItemInput(
        text="Look for the same in the other gates", owner="Ona", is_done=True
    )
    return demo_story.WriteUp(
        happened=past.said,
        why=past.why,
        changes="The team talks it over on Monday.",
        items=(look,),
        blamed=past.blamed,
    )


def _ask_all(world: World, *, day: int) -> None:
    """Deploys that nobody asked a bypass for: told to enforce, and counted."""
    for slug, number in _DEPLOYS_A_DAY.items():
        if slug == SILENT and day < _SILENT_DAYS:
            continue
        gate = world.gates[slug]
        for count in range(number):
            scope = Scope(gate=slug, service="catalogue", branch="main", artifact="")
            deploy_id = f"gha-{9000 - day}-{count}"
            decisions.decide(
                gate=gate, question=Question(scope=scope, deploy_id=deploy_id)
            )
            gate_days.TALLY.note(gate_id=gate.pk, deploy_id=deploy_id)


def look_alive(world: World) -> None:
    """Lets every gate say that it is alive, but one, which fell silent a while ago."""
    for slug, gate in world.gates.items():
        if slug != SILENT:
            demo_story.call(gate, outcome="no_grant")
            registry.heartbeat(gate=gate, config_digest="")
            demo_story.call(gate, name="heartbeat", outcome="ok")
