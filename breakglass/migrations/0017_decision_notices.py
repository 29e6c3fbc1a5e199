"""Notices of what a decision may depend on, for the snapshots ahead of Django."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_suffix(".sql")
BACK = """
DROP TRIGGER grant_is_noticed ON breakglass_grant;
DROP TRIGGER gatetoken_is_noticed ON breakglass_gatetoken;
DROP TRIGGER gate_is_noticed ON breakglass_gate;
DROP TRIGGER tenant_is_noticed ON breakglass_tenant;
DROP TRIGGER policy_is_noticed ON breakglass_policy;
DROP FUNCTION bg_notify_grant();
DROP FUNCTION bg_notify_askers();
DROP FUNCTION bg_deploy_mark(bigint, text);
"""


class Migration(migrations.Migration):
    dependencies = [("breakglass", "0016_audit_search_indexes")]
    operations = [migrations.RunSQL(SQL.read_text(), BACK)]
