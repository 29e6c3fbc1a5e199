"""Machines speak for gates by their platform's tokens, each for one deploy."""

import django.db.models.deletion
import uuid
from django.db import migrations, models


# What the log names stays as it was: a machine is removed, and another one added.
GUARDS = """
CREATE TRIGGER gateidentity_is_frozen BEFORE UPDATE ON breakglass_gateidentity
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for('removed_at');
CREATE TRIGGER gateidentity_is_removed_once BEFORE UPDATE ON breakglass_gateidentity
  FOR EACH ROW EXECUTE FUNCTION bg_set_once('removed_at');
CREATE TRIGGER gateidentity_stays BEFORE DELETE ON breakglass_gateidentity
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER tokenuse_is_frozen BEFORE UPDATE ON breakglass_tokenuse
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
"""
UNGUARDED = """
DROP TRIGGER tokenuse_is_frozen ON breakglass_tokenuse;
DROP TRIGGER gateidentity_stays ON breakglass_gateidentity;
DROP TRIGGER gateidentity_is_removed_once ON breakglass_gateidentity;
DROP TRIGGER gateidentity_is_frozen ON breakglass_gateidentity;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('breakglass', '0020_decision_take'),
    ]

    operations = [
        migrations.CreateModel(
            name='TokenIssuer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('issuer', models.CharField(max_length=200, unique=True)),
                ('keys', models.JSONField(default=list)),
                ('fetched_at', models.DateTimeField(blank=True, null=True)),
                ('tried_at', models.DateTimeField(blank=True, null=True)),
                ('wanted_at', models.DateTimeField(blank=True, null=True)),
                ('trouble', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('issuer',),
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='GateIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('github_actions', 'GitHub Actions'), ('gitlab_ci', 'GitLab CI'), ('kubernetes', 'Kubernetes')], max_length=20)),
                ('audience', models.CharField(max_length=500)),
                ('claims', models.JSONField()),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=250)),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('gate', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='identities', to='breakglass.gate')),
                ('issuer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='identities', to='breakglass.tokenissuer')),
            ],
            options={
                'verbose_name_plural': 'gate identities',
                'ordering': ('gate', '-created_at'),
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(condition=models.Q(('removed_at__isnull', True)), fields=('issuer', 'audience', 'kind', 'claims'), name='gateidentity_live_once'), models.CheckConstraint(condition=models.Q(('claims', {}), _negated=True), name='gateidentity_is_bound_by_something')],
            },
        ),
        migrations.CreateModel(
            name='TokenUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('jti_hash', models.BinaryField(max_length=32)),
                ('deploy_id', models.CharField(max_length=200)),
                ('used_at', models.DateTimeField()),
                ('forget_at', models.DateTimeField(db_index=True)),
                ('gate', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='breakglass.gate')),
                ('issuer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='breakglass.tokenissuer')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('issuer', 'jti_hash'), name='tokenuse_once_per_issuer')],
            },
        ),
        migrations.RunSQL(GUARDS, UNGUARDED),
    ]
