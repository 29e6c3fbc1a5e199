"""Webhooks, and what each of them was told."""

import django.db.models.deletion
import uuid
from django.db import migrations, models


GUARDS = """
CREATE TRIGGER webhookdelivery_is_frozen BEFORE UPDATE ON breakglass_webhookdelivery
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for(
    'state', 'attempts', 'next_try_at', 'last_error', 'sent_at');
"""
BACK = "DROP TRIGGER webhookdelivery_is_frozen ON breakglass_webhookdelivery"


class Migration(migrations.Migration):

    dependencies = [
        ("breakglass", "0024_token_lifetime"),
    ]

    operations = [
        migrations.AlterField(
            model_name='finding',
            name='kind',
            field=models.CharField(choices=[('bypassed_often', 'Bypassed often'), ('scope_repeated', 'Bypassed again for one service'), ('bypass_unused', 'Bypasses that nobody used'), ('gate_blamed', 'Blamed by post-mortems'), ('webhook_dead', 'A webhook is not taken any more')], max_length=30),
        ),
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('name', models.CharField(max_length=100)),
                ('url', models.CharField(max_length=500)),
                ('secret', models.BinaryField()),
                ('previous', models.BinaryField(blank=True, null=True)),
                ('previous_until', models.DateTimeField(blank=True, null=True)),
                ('is_active', models.BooleanField(default=True)),
                ('off_because', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('gate', models.ForeignKey(blank=True, help_text='Of which gate it is told. Empty: of all.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='webhooks', to='breakglass.gate')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='webhooks', to='breakglass.tenant')),
            ],
            options={
                'ordering': ('tenant', 'name'),
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_id', models.CharField(max_length=40, unique=True)),
                ('event', models.CharField(choices=[('bypass.opened', 'A bypass opened'), ('bypass.closing_soon', 'A bypass closes soon'), ('bypass.closed', 'A bypass closed'), ('deploy.reverted', 'A deploy was reverted')], max_length=30)),
                ('bypass_id', models.CharField(max_length=12)),
                ('subject_id', models.BigIntegerField()),
                ('body', models.TextField()),
                ('state', models.CharField(choices=[('pending', 'Waiting'), ('delivered', 'Sent'), ('failed', 'Failed'), ('skipped', 'Not needed any more')], default='pending', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField()),
                ('last_error', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('gate', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='breakglass.gate')),
                ('webhook', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='breakglass.webhook')),
            ],
            options={
                'verbose_name_plural': 'webhook deliveries',
                'ordering': ('-pk',),
                'default_permissions': (),
            },
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.UniqueConstraint(fields=('tenant', 'name'), name='webhook_name_once_per_tenant'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('previous__isnull', True), ('previous_until__isnull', True)), models.Q(('previous__isnull', False), ('previous_until__isnull', False)), _connector='OR'), name='webhook_previous_secret_ends'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['webhook', 'id'], name='webhookdelivery_pending'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.UniqueConstraint(fields=('webhook', 'event', 'subject_id'), name='webhookdelivery_told_once'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('event__in', ['bypass.opened', 'bypass.closing_soon', 'bypass.closed', 'deploy.reverted'])), name='webhookdelivery_event_is_known'),
        ),
        migrations.RunSQL(GUARDS, BACK),
    ]
