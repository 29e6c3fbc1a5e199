"""The words that an entry is found by; migration 0016 builds the indexes."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_name("0008_audit_search.sql")
UNDO = "DROP FUNCTION bg_entry_words(bytea)"


class Migration(migrations.Migration):
    dependencies = [("breakglass", "0007_findings_and_gate_days")]
    operations = [migrations.RunSQL(SQL.read_text(), UNDO)]
