import django.db.models.deletion
from django.db import migrations, models

# The database deletes these rows with their connection: processes of the version before do not know them.
OWNED = """
ALTER TABLE broker_calls ADD CONSTRAINT broker_calls_connection FOREIGN KEY (connection_id)
    REFERENCES broker_connections (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
"""
NOT_OWNED = """
ALTER TABLE broker_calls DROP CONSTRAINT broker_calls_connection;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0003_position_events'),
    ]

    operations = [
        migrations.CreateModel(
            name='BrokerCall',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('method', models.CharField(help_text='STREAM for the stream of order updates.', max_length=8)),
                ('endpoint', models.CharField(help_text='The address without what names one thing.', max_length=120)),
                ('code', models.CharField(help_text='The kind of failure.', max_length=60)),
                ('path', models.CharField(help_text='What was asked last, as it was asked.', max_length=300)),
                ('status', models.PositiveSmallIntegerField(blank=True, help_text='Empty: no whole answer came.', null=True)),
                ('sentence', models.CharField(blank=True, help_text='What came back, or why it is of no use.', max_length=300)),
                ('request_id', models.CharField(blank=True, help_text="The broker's number of the call.", max_length=64)),
                ('our_id', models.CharField(blank=True, help_text='Of the request or task that asked, as in the log.', max_length=64)),
                ('milliseconds', models.PositiveIntegerField(blank=True, null=True)),
                ('times', models.PositiveIntegerField(default=1, help_text='How often it failed so since first_at.')),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField(help_text='When it was asked last.')),
                ('ended_at', models.DateTimeField(blank=True, help_text='When the broker could be used again.', null=True)),
                ('connection', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='calls', to='brokers.brokerconnection')),
            ],
            options={
                'db_table': 'broker_calls',
                'ordering': ['-last_at', '-id'],
                'constraints': [models.UniqueConstraint(fields=('connection', 'method', 'endpoint', 'code'), name='broker_calls_once')],
            },
        ),
        migrations.RunSQL(OWNED, NOT_OWNED),
    ]
