"""A token of a gate ends by itself, at a moment that is set when it is made."""

from django.db import migrations, models

# Read ahead of Django too: the notices of migration 0017 fire when a token is made,
# which is the only time at which this is set.
SET_ONCE = """
CREATE TRIGGER gatetoken_lives_once BEFORE UPDATE ON breakglass_gatetoken
  FOR EACH ROW EXECUTE FUNCTION bg_set_once('lives_until');
"""
UNSET = "DROP TRIGGER gatetoken_lives_once ON breakglass_gatetoken;"


class Migration(migrations.Migration):

    dependencies = [
        ("breakglass", "0023_gate_kinds"),
    ]

    operations = [
        migrations.AddField(
            model_name="gatetoken",
            name="lives_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunSQL(SET_ONCE, UNSET),
    ]
