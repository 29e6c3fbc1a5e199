"""What a cookie says of the device: believed only where it makes sense, and cheap."""

from zoneinfo import ZoneInfo, available_timezones

import pytest
from django.test import RequestFactory

from portal.http import cookies


@pytest.fixture
def request_with():
    def _request(**held):
        request = RequestFactory().get("/")
        request.COOKIES.update(held)
        return request

    return _request


def test_the_folders_of_zones_are_read_once_for_many_pages(monkeypatch, request_with):
    walks = []

    def _walk():
        walks.append(1)
        return available_timezones()

    monkeypatch.setattr(cookies, "available_timezones", _walk)
    cookies._zones.cache_clear()
    assert cookies.zone_of(request_with(), None) is None
    assert not walks, "who says no zone costs nothing"
    for _ in range(3):
        zone = cookies.zone_of(request_with(tz="Asia/Kolkata"), None)
        assert zone == ZoneInfo("Asia/Kolkata")
    assert cookies.zone_of(request_with(tz="../../etc/passwd"), None) is None
    assert len(walks) == 1
