"""What every page's frame shows: tenant, counts, the red bar. Queried on use only."""

from datetime import datetime
from functools import cached_property
from typing import Any, Final

from django.http import HttpRequest

from breakglass import clock
from breakglass.models import Grant, LogStanding, Tenant, User
from breakglass.queries import grants, inbox, outage
from breakglass.queries.access import Membership
from breakglass.queries.logs import standing
from breakglass.queries.outage import Waiting
from portal.http import cookies, tenancy
from portal.http.accounts import session_end

_SECTIONS: Final = {"grant": "request", "stepup": "inbox"}


class Shell:
    """The frame of one page, for one person. Each property asks once, when used."""

    def __init__(self, request: HttpRequest, user: User) -> None:
        self._request = request
        self._user = user

    @cached_property
    def now(self) -> datetime:
        """The database's clock, which the countdowns start from."""
        return clock.db_now()

    @cached_property
    def tenants(self) -> list[Tenant]:
        """The tenants that this person may see."""
        return [one.tenant for one in self._memberships]

    @cached_property
    def tenant(self) -> Tenant | None:
        """The address's tenant, else the one looked at last, else the first."""
        match = self._request.resolver_match
        named = (match.kwargs if match else {}).get("tenant_slug")
        slug = named or self._request.session.get(tenancy.SESSION_KEY)
        chosen = (tenant for tenant in self.tenants if tenant.slug == slug)
        return next(chosen, self.tenants[0] if self.tenants else None)

    @cached_property
    def permissions(self) -> frozenset[str]:
        """What this person may do on the current tenant (menu entries only)."""
        ours = self._memberships
        held = (one.permissions for one in ours if one.tenant == self.tenant)
        return next(held, frozenset())

    @cached_property
    def inbox_count(self) -> int:
        """How many requests wait for this person's decision."""
        return inbox.waiting_count(user=self._user)

    @cached_property
    def in_force(self) -> list[Grant]:
        """The bypasses in force; where a log is read-only the gates enforce."""
        stopped = {log.tenant_id for log in self.read_only}
        found = grants.in_force_of(tenants=self.tenants)
        return [grant for grant in found if grant.tenant_id not in stopped]

    @cached_property
    def logs(self) -> list[LogStanding]:
        """The logs of this person's tenants that are read-only or do not verify."""
        rows = (getattr(tenant, "log_standing", None) for tenant in self.tenants)
        return standing.troubled_first(row for row in rows if row is not None)

    @property
    def read_only(self) -> list[LogStanding]:
        """Those that take no entries: the banner on every page."""
        return [log for log in self.logs if log.read_only_at is not None]

    @property
    def findings(self) -> list[LogStanding]:
        """Those that do not verify."""
        return [log for log in self.logs if log.finding_at is not None]

    @cached_property
    def fallback(self) -> list[Waiting]:
        """The current tenant's bypasses of the outage fallback that are not settled."""
        return outage.loud(tenants=[self.tenant]) if self.tenant else []

    @property
    def fallback_unverified(self) -> int:
        """How many of those are unverified for ever."""
        return sum(one.is_unverified for one in self.fallback)

    @property
    def _memberships(self) -> list[Membership]:
        return tenancy.memberships(self._request, self._user)

    @property
    def section(self) -> str:
        """Which entry of the menu is the current one."""
        match = self._request.resolver_match
        name = (match.url_name if match else "") or ""
        section = name.split("-")[0].removesuffix("s")
        return _SECTIONS.get(section, section)


def shell(request: HttpRequest) -> dict[str, Any]:
    """The context processor: `shell` is None for anonymous pages."""
    user: User | None = getattr(request, "user", None)  # anonymous ones look alike
    is_known = user is not None and user.is_authenticated
    person = user if is_known else None
    return {
        "theme": cookies.theme_of(request, person),
        "zone": cookies.zone_of(request, person),
        "session_ends_at": session_end.ends_at(request) if person else None,
        "session_is_last": bool(person) and session_end.is_last(request),
        "shell": Shell(request, person) if person is not None else None,
    }
