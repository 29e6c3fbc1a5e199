"""Keeps who reviewed a post-mortem, and where the log's words look for functions."""

from django.db import migrations

GUARD = """
CREATE TRIGGER postmortemreview_reviewers_stay
  BEFORE UPDATE OR DELETE ON breakglass_postmortemreview_reviewers
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
ALTER FUNCTION bg_entry_words(bytea) SET search_path = pg_catalog, pg_temp;
"""
UNDO = """
DROP TRIGGER postmortemreview_reviewers_stay ON breakglass_postmortemreview_reviewers;
ALTER FUNCTION bg_entry_words(bytea) RESET search_path;
"""


class Migration(migrations.Migration):
    dependencies = [("breakglass", "0014_policy_second_admin")]
    operations = [migrations.RunSQL(GUARD, UNDO)]
