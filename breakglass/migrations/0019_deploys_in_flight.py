"""Deploys in flight: what a close does to them, when they were heard of, overruns."""

from django.db import migrations, models


FREE = """
DROP TRIGGER deploy_is_frozen ON breakglass_deploy;
CREATE TRIGGER deploy_is_frozen BEFORE UPDATE ON breakglass_deploy
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for(
    'state', 'ended_at', 'heard_at', 'overran_seconds');
"""
BACK = """
DROP TRIGGER deploy_is_frozen ON breakglass_deploy;
CREATE TRIGGER deploy_is_frozen BEFORE UPDATE ON breakglass_deploy
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for('state', 'ended_at');
"""


class Migration(migrations.Migration):

    dependencies = [
        ('breakglass', '0018_decision_looks'),
    ]

    operations = [
        migrations.AddField(
            model_name='deploy',
            name='heard_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='deploy',
            name='overran_seconds',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='gate',
            name='at_close',
            field=models.CharField(choices=[('hold_next_stage', 'Hold the next stage: the deploy is reverted to enforcement, and its next question is answered with enforce'), ('finish', 'Let it finish: it may still report its end, and is marked as overrun; no further question is answered with bypass'), ('abort', 'Abort: it is reverted to enforcement, and a webhook tells its pipeline to cancel it')], db_default='hold_next_stage', default='hold_next_stage', max_length=20, verbose_name='deploys in flight at the close'),
        ),
        migrations.AddField(
            model_name='gate',
            name='silent_minutes',
            field=models.PositiveSmallIntegerField(db_default=15, default=15, help_text='A gate that sends heartbeats counts as silent after so many minutes without any call, and so does a deploy that said that it runs.', verbose_name='minutes of silence'),
        ),
        migrations.AddField(
            model_name='gatesetup',
            name='at_close',
            field=models.CharField(choices=[('hold_next_stage', 'Hold the next stage: the deploy is reverted to enforcement, and its next question is answered with enforce'), ('finish', 'Let it finish: it may still report its end, and is marked as overrun; no further question is answered with bypass'), ('abort', 'Abort: it is reverted to enforcement, and a webhook tells its pipeline to cancel it')], default='hold_next_stage', max_length=20),
        ),
        migrations.AddConstraint(
            model_name='deploy',
            constraint=models.CheckConstraint(condition=models.Q(('overran_seconds__isnull', True), ('state__in', ['succeeded', 'failed']), _connector='OR'), name='deploy_overran_when_it_reported'),
        ),
        migrations.AddConstraint(
            model_name='gate',
            constraint=models.CheckConstraint(condition=models.Q(('at_close__in', ['hold_next_stage', 'finish', 'abort'])), name='gate_at_close_is_known'),
        ),
        migrations.AddConstraint(
            model_name='gate',
            constraint=models.CheckConstraint(condition=models.Q(('silent_minutes__gte', 1), ('silent_minutes__lte', 1440)), name='gate_silence_is_bounded'),
        ),
        migrations.RunSQL(FREE, BACK),
    ]
