"""Lock and look in one statement, with nothing to know beforehand."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_suffix(".sql")
BACK = """
DROP FUNCTION bg_decision_take(bigint, text, text);
CREATE FUNCTION bg_decision_lock(
  of_gate bigint, of_service text, of_deploy text, grants bigint[])
RETURNS TABLE (
  now timestamptz, policy_version integer, is_read_only boolean, grant_id bigint,
  state text, bypass_id text, service text, branch text, artifact text,
  starts_at timestamptz, expires_at timestamptz, max_deploys integer, used bigint,
  digest_required boolean, assurance text,
  deploy_key bigint, deploy_service text, deploy_branch text, deploy_artifact text,
  deploy_state text)
LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM 1 FROM breakglass_grant a WHERE a.id = ANY(grants)
    ORDER BY a.id FOR NO KEY UPDATE;
  RETURN QUERY SELECT * FROM bg_decision_look(of_gate, of_service, of_deploy);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("breakglass", "0019_deploys_in_flight")]
    operations = [migrations.RunSQL(SQL.read_text(), BACK)]
