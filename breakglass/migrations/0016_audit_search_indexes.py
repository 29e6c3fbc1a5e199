"""
The indexes of migration 0008, built while the log goes on growing.

Whatever an interrupted run left is dropped first: such an index is there and not valid.
"""

from django.db import migrations, models


def index(name: str, on: str) -> migrations.RunSQL:
    """Each statement runs alone: none of them works in a transaction."""
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {name}"
    make = f"CREATE INDEX CONCURRENTLY {name} ON breakglass_auditentry {on}"
    return migrations.RunSQL([drop, make], [drop])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("breakglass", "0015_reviewers_stay")]
    operations = [
        index("auditentry_words", "USING gin (bg_entry_words(body))"),
        migrations.SeparateDatabaseAndState(
            database_operations=[index("auditentry_by_time", "(tenant_id, at)")],
            state_operations=[
                migrations.AddIndex(
                    model_name="auditentry",
                    index=models.Index(
                        fields=["tenant", "at"], name="auditentry_by_time"
                    ),
                ),
            ],
        ),
    ]
