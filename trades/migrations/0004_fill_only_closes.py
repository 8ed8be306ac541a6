from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("trades", "0003_index_sorted_lists"),
    ]

    operations = [
        migrations.AddField(
            model_name="fill",
            name="only_closes",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
