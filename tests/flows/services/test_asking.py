"""How a gate asks is set on record, and bounded."""

import pytest

from breakglass.actors import OPERATOR
from breakglass.errors import InvalidInput
from breakglass.models import AuditEntry
from breakglass.rules.sources import Sources
from breakglass.services.gates import asking

pytestmark = pytest.mark.django_db


def set_asking(gate, *, cache_seconds=None, **sources):
    return asking.set_asking(
        gate=gate,
        cache_seconds=cache_seconds,
        sources=Sources(**sources),
        actor=OPERATOR,
    )


def entries():
    return AuditEntry.objects.filter(event="gate.asking_changed")


def test_what_was_set_is_on_record_once(gate):
    for _ in range(2):
        changed = set_asking(gate, cache_seconds=180, service="namespace")

    assert (changed.cache_seconds, changed.sources.service) == (180, "namespace")
    assert entries().count() == 1
    set_asking(gate, service="namespace")
    assert entries().count() == 2


@pytest.mark.parametrize("seconds", [-1, 601, 10**9])
def test_a_time_out_of_bounds_is_refused(gate, seconds):
    with pytest.raises(InvalidInput, match="600"):
        set_asking(gate, cache_seconds=seconds)
    assert not entries().exists()


@pytest.mark.parametrize(
    "wish",
    [
        {"service": "none"},
        {"service": "images"},
        {"service": ""},
        {"service": "label:"},
        {"service": "label:a b"},
        {"service": "label:" + "a" * 318},
        {"branch": "namespace"},
        {"branch": "annotation:é"},
        {"artifact": "name"},
        {"artifact": "LABEL:a"},
    ],
)
def test_a_source_that_is_none_is_refused_by_its_field(gate, wish):
    [name] = wish
    with pytest.raises(InvalidInput) as refused:
        set_asking(gate, **wish)
    assert refused.value.field == f"{name}_from"
