"""Which addresses a channel may have (security.md T28), and how they are shown."""

import socket

import pytest

from breakglass.errors import InvalidInput, Unavailable
from breakglass.notify import Undeliverable, addresses, chat

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
TEAMS = "workflows://prod-1.westeurope.logic.azure.com:443/abcdef/SecretSig"
PAGERDUTY = "pagerduty://" + "i" * 32 + "@" + "a" * 20
WEBHOOK = "jsons://hooks.example.com/in?+Authorization=Bearer-secret"
GOOD = {
    "slack": SLACK,
    "teams": TEAMS,
    "pagerduty": PAGERDUTY,
    "webhook": WEBHOOK,
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_address_is_taken(kind):
    assert chat.check(kind=kind, address=GOOD[kind]) == GOOD[kind]


def test_a_slack_room_is_taken():
    assert chat.check(kind="slack", address=f"{SLACK}/#incidents")


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("webhook", "json://hooks.example.com/"),  # plain HTTP
        ("webhook", "file:///etc/passwd"),
        ("webhook", "mailto://a:b@example.com"),
        ("webhook", "syslog://"),
        ("webhook", "https://hooks.example.com/"),
        ("webhook", SLACK),
        ("slack", WEBHOOK),
        ("slack", "msteams://x/y/z"),
        ("teams", "msteams://x/y/z"),
        ("pagerduty", "JSONS://hooks.example.com/"),
        ("webhook", "JSONS://hooks.example.com/"),
        ("webhook", " jsons://hooks.example.com/"),
        ("webhook", "hooks.example.com"),
        ("webhook", ""),
    ],
)
def test_another_scheme_is_refused_by_name(kind, address):
    with pytest.raises(InvalidInput) as refused:
        chat.check(kind=kind, address=address)
    assert refused.value.field == "url"


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("slack", f"{SLACK}?template=/etc/passwd"),
        ("slack", f"{SLACK}/#room?template=/etc/passwd"),  # behind Slack's own #
        ("slack", f"{SLACK}?%74emplate=/etc/passwd"),
        ("teams", f"{TEAMS}?template=file:///etc/passwd"),
        ("webhook", "jsons://hooks.example.com/?verify=no"),
        ("webhook", "jsons://hooks.example.com/?redirect=yes"),
        ("webhook", "jsons://hooks.example.com/?method=DELETE"),
        ("webhook", "jsons://hooks.example.com/?rto=3600"),
        ("webhook", "jsons://hooks.example.com/?a?verify=no"),
        ("pagerduty", f"{PAGERDUTY}?action=resolve"),
    ],
)
def test_a_parameter_that_is_not_listed_is_refused(kind, address):
    with pytest.raises(InvalidInput, match="parameter"):
        chat.check(kind=kind, address=address)


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("slack", "slack://only-one"),
        ("teams", "workflows://host.example.com/"),
        ("pagerduty", "pagerduty://key-alone"),
        ("webhook", "jsons://"),
        ("webhook", "jsons://hooks.example.com/" + "x" * 500),
        ("webhook", "jsons://hooks.example.com/\nX"),
        ("webhook", "jsons://hööks.example.com/"),
    ],
)
def test_a_malformed_address_is_refused_without_repeating_it(kind, address):
    with pytest.raises(InvalidInput) as refused:
        chat.check(kind=kind, address=address)
    assert address.partition("://")[2][:8] not in str(refused.value) or not address[12:]


def test_the_sites_own_list_can_be_shorter(settings):
    settings.NOTIFY_SCHEMES = ["slack"]
    with pytest.raises(InvalidInput, match="nothing on this site"):
        chat.check(kind="webhook", address=WEBHOOK)


def test_an_unknown_kind_is_refused():
    with pytest.raises(InvalidInput) as refused:
        chat.check(kind="carrier-pigeon", address=WEBHOOK)
    assert refused.value.field == "kind"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (SLACK, "slack://…"),
        (PAGERDUTY, "pagerduty://…"),
        (TEAMS, "workflows://prod-1.westeurope.logic.azure.com:443/…"),
        (WEBHOOK, "jsons://hooks.example.com/…"),
        ("jsons://user:secret@hooks.example.com/p", "jsons://hooks.example.com/…"),
        ("secret-without-a-scheme", "…"),
        ("SECRET://x", "…"),
    ],
)
def test_an_address_is_shown_without_its_secret(address, shown):
    assert addresses.masked(address) == shown


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse, nothing binds
        "224.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00::1]",
    ],
)
def test_a_host_inside_is_never_called(host):
    with pytest.raises(Undeliverable, match="not on the public internet"):
        addresses.require_public(host=host, port=None)


@pytest.mark.parametrize("port", [22, 80, 6379, 8443])
def test_only_the_https_port_is_called(port):
    with pytest.raises(Undeliverable, match="port"):
        addresses.require_public(host="198.51.100.7", port=port)


def _resolver(*found):
    def getaddrinfo(host, port, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in found]

    return getaddrinfo


def test_a_name_with_one_private_address_is_not_called(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", _resolver("8.8.8.8", "10.0.0.1"))
    with pytest.raises(Undeliverable):
        addresses.require_public(host="rebind.example.com", port=443)


def test_a_public_name_is_called(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", _resolver("8.8.8.8"))
    addresses.require_public(host="hooks.example.com", port=443)


def test_a_name_that_does_not_resolve_now_may_later(monkeypatch):
    def broken(*args, **kwargs):
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", broken)
    with pytest.raises(Unavailable):
        addresses.require_public(host="hooks.example.com", port=443)


def test_an_operator_may_name_hosts_inside(settings):
    settings.NOTIFY_HOSTS = ["127.0.0.1"]
    addresses.require_public(host="127.0.0.1", port=8080)
