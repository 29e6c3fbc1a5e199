"""Gates are set up step by step, tell of their last calls, and tokens run out."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


# A gate from before was in use from the start. What is written down once stays.
BACKFILL = """
UPDATE breakglass_gate SET turned_on_at = created_at WHERE turned_on_at IS NULL
"""
SET_ONCE = """
CREATE TRIGGER gate_is_staged_once BEFORE UPDATE ON breakglass_gate
  FOR EACH ROW EXECUTE FUNCTION bg_set_once('turned_on_at', 'retired_at');
CREATE TRIGGER gatetoken_ends_once BEFORE UPDATE ON breakglass_gatetoken
  FOR EACH ROW EXECUTE FUNCTION bg_set_once('expires_at', 'revoked_at');
CREATE TRIGGER gatetoken_stays BEFORE DELETE ON breakglass_gatetoken
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
"""
UNSET = """
DROP TRIGGER gatetoken_stays ON breakglass_gatetoken;
DROP TRIGGER gatetoken_ends_once ON breakglass_gatetoken;
DROP TRIGGER gate_is_staged_once ON breakglass_gate;
"""


class Migration(migrations.Migration):

    dependencies = [
        ("breakglass", "0011_export_format"),
    ]

    operations = [
        migrations.CreateModel(
            name='GateContact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('call', models.CharField(max_length=20)),
                ('outcome', models.CharField(max_length=60)),
                ('is_accepted', models.BooleanField()),
                ('token', models.CharField(blank=True, max_length=20)),
                ('address', models.CharField(blank=True, max_length=60)),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('gate', '-last_at', '-pk'),
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='GateSetup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('github_actions', 'GitHub Actions'), ('gitlab_ci', 'GitLab CI'), ('jenkins', 'Jenkins'), ('argo_cd', 'Argo CD'), ('shell', 'Shell or anything else')], max_length=20)),
                ('slug', models.CharField(blank=True, max_length=200)),
                ('service', models.CharField(blank=True, max_length=200)),
                ('environment', models.CharField(blank=True, max_length=100)),
                ('data_class', models.CharField(blank=True, max_length=100)),
                ('created_at', models.DateTimeField()),
                ('connected_at', models.DateTimeField(blank=True, null=True)),
                ('waits_since', models.DateTimeField(blank=True, null=True)),
                ('test_skipped', models.BooleanField(default=False)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('tenant', '-created_at'),
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='gate',
            name='kind',
            field=models.CharField(choices=[('github_actions', 'GitHub Actions'), ('gitlab_ci', 'GitLab CI'), ('jenkins', 'Jenkins'), ('argo_cd', 'Argo CD'), ('shell', 'Shell or anything else')], db_default='shell', default='shell', max_length=20),
        ),
        migrations.AddField(
            model_name='gate',
            name='owner',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='gates', to='breakglass.rolegroup'),
        ),
        migrations.AddField(
            model_name='gate',
            name='retired_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='gate',
            name='service',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='gate',
            name='tested_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='gate',
            name='turned_on_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='gatetoken',
            name='expires_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='gate',
            constraint=models.CheckConstraint(condition=models.Q(('is_active', False), ('retired_at__isnull', True), _connector='OR'), name='gate_retired_is_not_in_use'),
        ),
        migrations.AddField(
            model_name='gatecontact',
            name='gate',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='contacts', to='breakglass.gate'),
        ),
        migrations.AddField(
            model_name='gatesetup',
            name='author',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='gatesetup',
            name='gate',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='setup', to='breakglass.gate'),
        ),
        migrations.AddField(
            model_name='gatesetup',
            name='owner',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='breakglass.rolegroup'),
        ),
        migrations.AddField(
            model_name='gatesetup',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='breakglass.tenant'),
        ),
        migrations.AddIndex(
            model_name='gatecontact',
            index=models.Index(fields=['gate', '-last_at'], name='gatecontact_last_of_gate'),
        ),
        migrations.RunSQL(SET_ONCE, UNSET),
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
    ]
