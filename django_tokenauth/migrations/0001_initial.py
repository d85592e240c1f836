from __future__ import annotations

import uuid

from django.conf import settings
from django.db import migrations, models

import django_tokenauth.models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Session',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('generation', models.PositiveBigIntegerField(default=1, verbose_name='generation')),
                ('retried', models.BooleanField(db_default=False, default=False, verbose_name='refresh retried')),
                ('created_at', django_tokenauth.models.UTCDateTimeField(verbose_name='signed in at')),
                ('refreshed_at', django_tokenauth.models.UTCDateTimeField(verbose_name='last refreshed at')),
                ('idle_expires_at', django_tokenauth.models.UTCDateTimeField(help_text='Extended by each refresh.', verbose_name='idle expiry')),
                ('absolute_expires_at', django_tokenauth.models.UTCDateTimeField(help_text='Never extended.', verbose_name='absolute expiry')),
                ('revoked_at', django_tokenauth.models.UTCDateTimeField(blank=True, db_index=True, null=True, verbose_name='revoked at')),
                ('revoked_reason', models.CharField(blank=True, choices=[('signed_out', 'signed out'), ('reused', 'refresh token reused'), ('user_changed', 'password changed or user deactivated'), ('user_deleted', 'user deleted'), ('evicted', 'too many sessions'), ('admin', 'revoked by an administrator')], max_length=16, verbose_name='reason for revocation')),
                ('auth_hash', models.CharField(editable=False, max_length=128)),
                ('scope', models.CharField(blank=True, max_length=1024, verbose_name='scope')),
                ('scope_limited', models.BooleanField(default=False, verbose_name='limited scope')),
                ('audiences', models.CharField(blank=True, db_default='', default='', max_length=1024, verbose_name='audiences')),
                ('client_id', models.CharField(max_length=255, verbose_name='client')),
                ('client_authenticated', models.BooleanField(db_default=False, default=False, verbose_name='client with a secret')),
                ('device_name', models.CharField(blank=True, max_length=100, verbose_name='device name')),
                ('user_agent', models.CharField(blank=True, max_length=255, verbose_name='user agent')),
                ('ip', models.GenericIPAddressField(blank=True, null=True, verbose_name='IP address')),
                ('last_user_agent', models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='last user agent')),
                ('last_ip', models.GenericIPAddressField(blank=True, null=True, verbose_name='last IP address')),
                ('amr', models.CharField(blank=True, max_length=255, verbose_name='authentication methods')),
                ('authenticated_at', django_tokenauth.models.UTCDateTimeField(blank=True, null=True, verbose_name='signed in again at')),
                ('access_lifetime', models.DurationField(blank=True, null=True, verbose_name='access token lifetime')),
                ('idle_lifetime', models.DurationField(blank=True, null=True, verbose_name='idle lifetime')),
                ('data', models.JSONField(blank=True, null=True, verbose_name='data of the sign-in')),
                ('actor_auth_hash', models.CharField(blank=True, db_default='', default='', editable=False, max_length=128)),
                ('actor', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django_tokenauth.models._revoke_and_set_null, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='actor')),
                ('user', models.ForeignKey(db_index=False, null=True, on_delete=django_tokenauth.models._revoke_and_set_null, related_name='tokenauth_sessions', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
                'permissions': [('revoke_session', 'Can revoke session')],
                'indexes': [models.Index(fields=['user', 'created_at'], name='tokenauth_session_user'), models.Index(fields=['idle_expires_at'], name='tokenauth_session_expires')],
            },
        ),
        # The index is not in the state of the model: Django would warn that MySQL and MariaDB
        # ignore its condition.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.AddIndex(
                    model_name='session',
                    index=models.Index(condition=models.Q(actor__isnull=False), fields=['actor'], name='tokenauth_session_actor'),
                ),
            ],
        ),
    ]
