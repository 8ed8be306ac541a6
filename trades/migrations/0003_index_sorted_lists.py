from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trades", "0002_index_incomplete_trades"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(model_name="trade", name="trades_by_symbol"),
        migrations.AddIndex(
            model_name="trade",
            index=models.Index(fields=["owner", "symbol", "occurred_at", "id"], name="trades_by_symbol"),
        ),
        migrations.AddIndex(
            model_name="trade",
            index=models.Index(fields=["owner", "holding_seconds", "id"], name="trades_by_holding"),
        ),
    ]
