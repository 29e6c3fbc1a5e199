"""Find entries by the words they say, by their gate and by their time, at any length."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).with_name("0008_audit_search.sql")
UNDO = "DROP INDEX auditentry_words; DROP FUNCTION bg_entry_words(bytea)"


class Migration(migrations.Migration):
    dependencies = [("breakglass", "0007_findings_and_gate_days")]
    operations = [
        migrations.RunSQL(SQL.read_text(), UNDO),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["tenant", "at"], name="auditentry_by_time"),
        ),
    ]
