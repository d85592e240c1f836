from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_tokenauth', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='session',
            name='retried',
            field=models.BooleanField(db_default=False, default=False, verbose_name='refresh retried'),
        ),
    ]
