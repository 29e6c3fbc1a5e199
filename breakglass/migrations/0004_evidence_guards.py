"""
The database's own guards over passkeys, sign-ins, the outage fallback and grants.

Raw SQL, as in 0002 and for its reasons; the app's role may add evidence, and never
change or remove it.
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import migrations

SQL = Path(__file__).with_name("0004_evidence_guards.sql")
KEPT = ("assertion", "authentication", "credentialnotice")


def revoke_evidence_writes(apps: Any, schema_editor: Any) -> None:
    """Takes UPDATE, DELETE and TRUNCATE from the app's role, where it exists."""
    role = settings.DATABASE_APP_ROLE
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is None:
            return
        name = connection.ops.quote_name(role)
        for table in KEPT:
            cursor.execute(
                f"REVOKE UPDATE, DELETE, TRUNCATE ON breakglass_{table} FROM {name}"
            )


class Migration(migrations.Migration):
    dependencies = [("breakglass", "0003_evidence")]
    operations = [
        migrations.RunSQL(SQL.read_text(), migrations.RunSQL.noop),
        migrations.RunPython(revoke_evidence_writes, migrations.RunPython.noop),
    ]
