"""What a decision looks at, as functions whose plans a session keeps."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_suffix(".sql")
BACK = """
DROP FUNCTION bg_decision_lock(bigint, text, text, bigint[]);
DROP FUNCTION bg_decision_look(bigint, text, text);
"""


class Migration(migrations.Migration):
    dependencies = [("breakglass", "0017_decision_notices")]
    operations = [migrations.RunSQL(SQL.read_text(), BACK)]
