"""The first load of a page on a phone at 02:00: 150 kB at most, as it is served."""

import gzip
import re

import pytest

from tests import factories

pytestmark = pytest.mark.django_db
LIMIT = 150_000
LINKED = re.compile(r'(?:src|href)="(/static/[^"]+\.(?:css|js|svg))"')


def weight(client, path):
    """The bytes of the page and of what it links, as they go over the line."""
    page = fetched(client, path)
    linked = set(LINKED.findall(gzip.decompress(page).decode()))
    return len(page) + sum(len(fetched(client, one)) for one in linked)


def fetched(client, path):
    answer = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200, path
    raw = b"".join(answer.streaming_content) if answer.streaming else answer.content
    is_small = len(raw) < 500 or path.endswith(".svg")
    assert is_small or answer["Content-Encoding"] == "gzip", path
    return raw


def test_the_first_load_of_each_main_page_is_light(client_for, acme, people, gate):
    for number in range(3):
        bypass = factories.request(acme, people.oncall, gate, service=f"s{number}")
    factories.join(acme, people.admin, "auditors")
    admin, asker = client_for(people.admin), client_for(people.oncall)
    one = f"/t/acme/requests/{bypass.bypass_id}"
    shared = ("/", "/inbox", "/profile", "/t/acme/requests", one, "/t/acme/gates")
    for path in (*shared, "/t/acme/postmortems", "/t/acme/audit", "/outbox"):
        assert weight(admin, path) <= LIMIT, path
    assert weight(asker, "/t/acme/requests/new") <= LIMIT


def test_a_download_is_not_compressed_on_its_way(client_for, people, pending_request):
    factories.join(pending_request.tenant, people.admin, "auditors")
    entry = "/t/acme/audit/1/body"
    answer = client_for(people.admin).get(entry, headers={"Accept-Encoding": "gzip"})

    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
