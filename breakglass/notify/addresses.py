"""
Addresses of channels: which are allowed, and how one is shown.

An address is an apprise URL and holds the channel's secret. apprise knows 173 schemes,
some of which read files, run programs or mail the world, and most take parameters that
load a local template or turn certificate checks off (security.md T28). So a short list
of schemes by name, a short list of parameters by name, and nothing else.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

from django.conf import settings

from breakglass.errors import InvalidInput, Unavailable
from breakglass.models.notifications import ChannelKind
from breakglass.notify.port import Undeliverable
from breakglass.texts import text

ADDRESS_MAX: Final = 500
_VISIBLE: Final = re.compile(r"[!-~]+", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}", re.ASCII)
_HTTPS: Final = 443


@dataclass(frozen=True, slots=True)
class _Grammar:
    """What one kind of channel accepts; a header is a parameter that starts with +."""

    schemes: tuple[str, ...]
    form: str
    parameters: frozenset[str] = frozenset()
    headers: bool = False
    shows_host: bool = False


_GRAMMARS: Final[Mapping[str, _Grammar]] = {
    ChannelKind.SLACK: _Grammar(
        schemes=("slack",),
        form="slack://TOKEN_A/TOKEN_B/TOKEN_C (an incoming webhook's three parts)",
        parameters=frozenset({"mode"}),
    ),
    ChannelKind.TEAMS: _Grammar(
        # msteams:// (Office 365 connectors) was switched off by Microsoft, and apprise
        # has dropped it; Power Automate workflows took its place.
        schemes=("workflows",),
        form="workflows://HOST:443/WORKFLOW/SIGNATURE (a Power Automate workflow)",
        parameters=frozenset({"pa", "powerautomate", "route", "routeid"})
        | {"ver", "api-version"},
        shows_host=True,
    ),
    ChannelKind.PAGERDUTY: _Grammar(
        schemes=("pagerduty",),
        form="pagerduty://INTEGRATION_KEY@API_KEY",
        parameters=frozenset({"region", "component", "group", "class"}),
    ),
    ChannelKind.WEBHOOK: _Grammar(
        schemes=("jsons", "json"),
        form="jsons://HOST/PATH (HTTPS; add ?+Authorization=… for a header)",
        headers=True,
        shows_host=True,
    ),
}


def check(*, kind: str, address: str) -> str:
    """
    Returns the address when a channel of this kind may have it.

    Raises InvalidInput for the field `url`, and never repeats the address: it goes
    to pages and logs.
    """
    grammar = _GRAMMARS.get(kind)
    if grammar is None:
        raise InvalidInput(
            text("%(kind)s is not a kind of channel", kind=repr(kind)),
            field="kind",
        )
    if len(address) > ADDRESS_MAX or _VISIBLE.fullmatch(address) is None:
        raise _refused(
            text(
                "use at most %(address_max)s visible ASCII characters",
                address_max=ADDRESS_MAX,
            )
        )
    scheme, separator, _ = address.partition("://")
    allowed = [s for s in grammar.schemes if s in settings.NOTIFY_SCHEMES]
    if not separator or scheme not in allowed:
        wanted = " or ".join(f"{s}://" for s in allowed) or "nothing on this site"
        raise _refused(
            text(
                "%(kind)s channels take %(wanted)s. Use %(form)s",
                kind=kind,
                wanted=wanted,
                form=grammar.form,
            )
        )
    check_parameters(kind=kind, names=_parameters(address))
    return address


def check_parameters(*, kind: str, names: Iterable[str]) -> None:
    """Raises InvalidInput for a parameter that this kind of channel may not have."""
    grammar = _GRAMMARS[kind]
    for name in names:
        if name in grammar.parameters or (grammar.headers and name.startswith("+")):
            continue
        raise _refused(
            text("the parameter %(name)s is not allowed here", name=repr(name[:20]))
        )


def masked(address: str) -> str:
    """Returns what may be shown of an address: its scheme and a host, no secret."""
    scheme, separator, rest = address.partition("://")
    if not separator or not re.fullmatch(r"[a-z]{1,20}", scheme):
        return "…"
    if any(g.shows_host and scheme in g.schemes for g in _GRAMMARS.values()):
        host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
        if _HOST.fullmatch(host.partition(":")[0]):
            return f"{scheme}://{host}/…"
    return f"{scheme}://…"


def require_public(*, host: str, port: int | None) -> None:
    """
    Raises Undeliverable unless the host may be called from here.

    Hosts in settings.NOTIFY_HOSTS may be anywhere, on any port. All others must be
    on port 443 and have public addresses only: no loopback, no private network, no
    cloud metadata. The name is looked up here and again by the call itself; against
    a resolver that changes its answer in between, use an egress proxy (then the
    proxy looks names up, and only literal addresses are checked here).
    Raises Unavailable when the name cannot be looked up now.
    """
    if is_exempt(host):
        return
    if not is_literal(host.strip("[]")):
        _require_name(host, port)
        if "https" in getproxies() and not proxy_bypass(host):
            return
    allowed(host=host, port=port)


def allowed(*, host: str, port: int | None) -> list[str]:
    """
    Looks a host up once, and returns its addresses when all of them may be called.

    The rules and errors are those of `require_public`. Whoever calls what is returned,
    and nothing else, has no second look-up in between that may answer differently.
    """
    literal = host.strip("[]")
    if is_exempt(host):
        return _lookup(literal)
    _require_name(host, port)
    found = _lookup(literal)
    if not all(is_public(one) for one in found):
        raise _forbidden("the host is not on the public internet")
    return found


def is_exempt(host: str) -> bool:
    """Says whether the operator lets messages go to this host wherever it is."""
    return host.lower() in getattr(settings, "NOTIFY_HOSTS", ())


def is_visible(address: str) -> bool:
    """Says whether an address is visible ASCII throughout, and not empty."""
    return _VISIBLE.fullmatch(address) is not None


def _require_name(host: str, port: int | None) -> None:
    if port not in (None, _HTTPS):
        raise _forbidden(f"port {port} is not open to channels")
    if not is_literal(host.strip("[]")) and _HOST.fullmatch(host) is None:
        raise _forbidden("that is not a host name")


def _parameters(address: str) -> list[str]:
    """
    Returns the names after the first `?`, wherever it stands.

    Not by urlsplit: behind a `#` (Slack's sign for a room) it would see none.
    """
    query = address.partition("?")[2]
    return [unquote(pair.partition("=")[0]) for pair in query.split("&") if pair]


def _lookup(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, _HTTPS, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise Unavailable(text("the channel's host name cannot be looked up")) from exc
    return [str(entry[4][0]) for entry in found]


def is_literal(host: str) -> bool:
    """Says whether a host is an address, which needs no look-up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """
    Says whether an IP address is one of the internet.

    Unwraps IPv4 inside IPv6 first: `::ffff:127.0.0.1` is loopback.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast


def _refused(why: str) -> InvalidInput:
    return InvalidInput(
        text("this address cannot be used: %(why)s", why=why),
        field="url",
    )


def _forbidden(why: str) -> Undeliverable:
    msg = f"{why}; an operator may allow the host in BREAKGLASS_NOTIFY_HOSTS"
    return Undeliverable(msg)
