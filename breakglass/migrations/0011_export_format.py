"""Exports in other formats than the evidence archive."""

from django.db import migrations, models

_FORMATS = ["archive", "jsonl", "csv"]


class Migration(migrations.Migration):
    dependencies = [("breakglass", "0010_postmortem_editing")]
    operations = [
        migrations.AddField(
            model_name="export",
            name="format",
            field=models.CharField(
                choices=[
                    ("archive", "Evidence archive"),
                    ("jsonl", "JSON Lines with signatures"),
                    ("csv", "Table for spreadsheets"),
                ],
                db_default="archive",
                default="archive",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="export",
            constraint=models.CheckConstraint(
                condition=models.Q(("format__in", _FORMATS)),
                name="export_format_is_known",
            ),
        ),
    ]
