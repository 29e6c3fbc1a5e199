"""
Editing post-mortems together: revisions, drafts, reviews, owners, notes.

The new tables come with their guards, and the app's role may not rewrite what stays.
"""

from pathlib import Path
from typing import Any

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).with_suffix(".sql")
KEPT = ("postmortemrevision", "postmortemhandover", "postmortemnote")


def revoke_writes(apps: Any, schema_editor: Any) -> None:
    """Takes UPDATE, DELETE and TRUNCATE from the app's role, where it exists."""
    role = settings.DATABASE_APP_ROLE
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is None:
            return
        name = connection.ops.quote_name(role)
        for table in KEPT:
            cursor.execute(
                f"REVOKE UPDATE, DELETE, TRUNCATE ON breakglass_{table} FROM {name}"
            )


class Migration(migrations.Migration):

    dependencies = [
        ('breakglass', '0009_check_now'),
    ]

    operations = [
        migrations.AddField(
            model_name='actionitem',
            name='done_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='actionitem',
            name='done_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='actionitem',
            name='due_on',
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='actionitem',
            name='link',
            field=models.CharField(blank=True, db_default='', default='', max_length=500),
        ),
        migrations.AddField(
            model_name='postmortem',
            name='hidden_lines',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, db_default=[], default=list, help_text='Audit entries that the timeline leaves out.', size=None),
        ),
        migrations.AddField(
            model_name='postmortem',
            name='reminded_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='postmortem',
            name='soon_told_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='PostMortemHandover',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('note', models.CharField(blank=True, max_length=300)),
                ('at', models.DateTimeField()),
                ('assignee', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('postmortem', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='handovers', to='breakglass.postmortem')),
                ('previous', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('postmortem', 'at', 'id'),
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='PostMortemNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField()),
                ('at', models.DateTimeField()),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('postmortem', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notes', to='breakglass.postmortem')),
            ],
            options={
                'ordering': ('postmortem', 'at', 'id'),
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='PostMortemDraft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('typed', models.TextField(help_text="The editor's fields, as a form sends them.")),
                ('kept_at', models.DateTimeField()),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('postmortem', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='drafts', to='breakglass.postmortem')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('postmortem', 'person'), name='postmortemdraft_one_a_person')],
            },
        ),
        migrations.CreateModel(
            name='PostMortemReview',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_at', models.DateTimeField()),
                ('outcome', models.CharField(blank=True, choices=[('done', 'Done'), ('changes_asked', 'Changes asked for'), ('taken_back', 'Taken back')], default='', max_length=15)),
                ('comment', models.TextField(blank=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('ended_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('postmortem', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='breakglass.postmortem')),
                ('reviewers', models.ManyToManyField(related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('postmortem', 'asked_at', 'id'),
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('postmortem',), name='postmortemreview_one_at_a_time'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('outcome', '')), models.Q(('ended_at__isnull', False), ('outcome__in', ['done', 'changes_asked', 'taken_back'])), _connector='OR'), name='postmortemreview_ended_is_dated')],
            },
        ),
        migrations.CreateModel(
            name='PostMortemRevision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('revision', models.PositiveIntegerField()),
                ('body', models.TextField(blank=True)),
                ('answers', models.JSONField(help_text='Everything beside the text, each as its digest.')),
                ('saved_at', models.DateTimeField()),
                ('postmortem', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='revisions', to='breakglass.postmortem')),
                ('saved_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('postmortem', 'revision'),
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('postmortem', 'revision'), name='postmortemrevision_once')],
            },
        ),
        migrations.RunSQL(SQL.read_text(), migrations.RunSQL.noop),
        migrations.RunPython(revoke_writes, migrations.RunPython.noop),
    ]
