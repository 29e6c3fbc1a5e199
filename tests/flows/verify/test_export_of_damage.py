"""A damaged log can still be exported, and the verifier names the damage."""

import pytest
from django.core.management import call_command

from tests.standalone import verifier

pytestmark = pytest.mark.django_db(transaction=True)

DAMAGE = {
    "no text at all": ("body = %s", b"\xff\xfe\x00 no text"),
    "no json": ("body = %s", b"no json"),
    "another hash": ("entry_hash = %s", b"\x01" * 32),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_damaged_gets_out_and_is_found(story, forge, tmp_path, damage):
    change, value = DAMAGE[damage]
    forge(
        f"UPDATE breakglass_auditentry SET {change} "  # noqa: S608 - from above
        "WHERE tenant_id = %s AND seq = 7",
        [value, story.tenant.pk],
    )
    out = tmp_path / "evidence.zip"

    call_command(
        "evidence", "export", "acme", "--out", str(out), "--reason", "After a break-in."
    )

    report = verifier.verify(verifier.read(out))
    assert report.first_bad == 7
    assert len(report.findings) < 12, "one damage is named once, not everywhere"


def test_a_grant_whose_row_was_changed_is_found(story, forge, tmp_path):
    forge(
        "UPDATE breakglass_grant SET state = 'revoked', closed_at = now() "
        "WHERE id = %s",
        [story.grants[0].pk],
    )
    out = tmp_path / "evidence.zip"

    call_command("evidence", "export", "acme", "--out", str(out), "--reason", "Audit.")

    messages = [text for _, text in verifier.verify(verifier.read(out)).findings]
    name = story.first.bypass_id
    assert messages == [
        f"grants: the row of {name} says otherwise: closed_at, state",
    ]
