"""
The SQL that the ORM cannot say: one clock, an append-only chain, frozen rows.

Raw SQL on purpose (security.md 3.3, finding 11): triggers are ENABLE ALWAYS, so
`session_replication_role` does not switch them off, and the app's role owns nothing.
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import migrations

SQL = Path(__file__).with_name("0002_guards.sql")


def revoke_ledger_writes(apps: Any, schema_editor: Any) -> None:
    """Takes UPDATE, DELETE and TRUNCATE from the app's role, where it exists."""
    role = settings.DATABASE_APP_ROLE
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is None:
            return
        name = connection.ops.quote_name(role)
        for table in ("auditentry", "chainhead", "bundle", "approval"):
            cursor.execute(
                f"REVOKE UPDATE, DELETE, TRUNCATE ON breakglass_{table} FROM {name}"
            )
        cursor.execute(f"REVOKE INSERT ON breakglass_chainhead FROM {name}")
        cursor.execute(f"GRANT EXECUTE ON FUNCTION bg_lock_head(bigint) TO {name}")


class Migration(migrations.Migration):
    dependencies = [("breakglass", "0001_initial")]
    operations = [
        migrations.RunSQL(SQL.read_text(), migrations.RunSQL.noop),
        migrations.RunPython(revoke_ledger_writes, migrations.RunPython.noop),
    ]
