"""Provenance of deploys, and whom a gate trusts for it."""

import django.db.models.deletion
from django.db import migrations, models


GUARDS = """
CREATE TRIGGER provenance_is_frozen BEFORE UPDATE ON breakglass_provenance
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for(
    'state', 'identity', 'issuer', 'predicate_type', 'builder', 'reason', 'checked_at');
CREATE TRIGGER provenance_is_judged_once BEFORE UPDATE ON breakglass_provenance
  FOR EACH ROW EXECUTE FUNCTION bg_final_state('waiting');
CREATE TRIGGER provenance_stays BEFORE DELETE ON breakglass_provenance
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
"""
BACK = """
DROP TRIGGER provenance_stays ON breakglass_provenance;
DROP TRIGGER provenance_is_judged_once ON breakglass_provenance;
DROP TRIGGER provenance_is_frozen ON breakglass_provenance;
"""


class Migration(migrations.Migration):

    dependencies = [
        ("breakglass", "0026_watching"),
    ]

    operations = [
        migrations.CreateModel(
            name='GateTrust',
            fields=[
                ('gate', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='trust', serialize=False, to='breakglass.gate')),
                ('identity', models.CharField(help_text='The name in the certificate, exactly: an e-mail address, or the address of a workflow.', max_length=300)),
                ('issuer', models.CharField(help_text='The OIDC issuer that vouched for that name.', max_length=300)),
                ('root', models.TextField(blank=True, help_text='The trusted root of the Sigstore instance that signs there, as JSON. Empty: the instance of this portal.')),
                ('changed_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='breakglass.tenant')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Provenance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('bundle', models.BinaryField()),
                ('bundle_sha256', models.BinaryField(max_length=32)),
                ('state', models.CharField(choices=[('waiting', 'Waiting for its check'), ('verified', 'Verified'), ('failed', 'Failed')], default='waiting', max_length=10)),
                ('identity', models.CharField(blank=True, max_length=300)),
                ('issuer', models.CharField(blank=True, max_length=300)),
                ('predicate_type', models.CharField(blank=True, max_length=300)),
                ('builder', models.CharField(blank=True, max_length=300)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('given_at', models.DateTimeField()),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('deploy', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='provenance', to='breakglass.deploy')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='breakglass.tenant')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['id'], name='provenance_waiting')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('checked_at__isnull', True), ('state', 'waiting')), models.Q(('checked_at__isnull', False), ('state__in', ['verified', 'failed'])), _connector='OR'), name='provenance_checked_once_it_is_judged')],
            },
        ),
        migrations.RunSQL(GUARDS, BACK),
    ]
