"""Gates are watched: when one sent a heartbeat last, and what is found of it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("breakglass", "0025_webhooks"),
    ]

    operations = [
        migrations.AddField(
            model_name='gate',
            name='beat_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='finding',
            name='kind',
            field=models.CharField(choices=[('bypassed_often', 'Bypassed often'), ('scope_repeated', 'Bypassed again for one service'), ('bypass_unused', 'Bypasses that nobody used'), ('gate_blamed', 'Blamed by post-mortems'), ('gate_silent', 'Silent for too long'), ('deploy_undecided', 'Reported a deploy that never asked'), ('decision_stale', 'A deploy went on without its bypass'), ('config_changed', 'Another configuration'), ('webhook_dead', 'A webhook is not taken any more')], max_length=30),
        ),
    ]
