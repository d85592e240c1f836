from __future__ import annotations

import uuid

import django.db.models.deletion
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
            name="APIToken",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "scope",
                    models.CharField(blank=True, max_length=1024, verbose_name="scope"),
                ),
                (
                    "issuer",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="issuer"
                    ),
                ),
                (
                    "audience",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="audience"
                    ),
                ),
                (
                    "resource",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=255,
                        verbose_name="other service",
                    ),
                ),
                ("digest", models.CharField(editable=False, max_length=64)),
                (
                    "last_four",
                    models.CharField(max_length=4, verbose_name="last characters"),
                ),
                (
                    "previous_digest",
                    models.CharField(editable=False, max_length=64, null=True),
                ),
                (
                    "previous_expires_at",
                    django_tokenauth.models.UTCDateTimeField(
                        blank=True, null=True, verbose_name="end of the old token"
                    ),
                ),
                (
                    "created_at",
                    django_tokenauth.models.UTCDateTimeField(verbose_name="created at"),
                ),
                (
                    "rotated_at",
                    django_tokenauth.models.UTCDateTimeField(
                        blank=True, null=True, verbose_name="last rotated at"
                    ),
                ),
                (
                    "expires_at",
                    django_tokenauth.models.UTCDateTimeField(verbose_name="expires at"),
                ),
                (
                    "last_used_at",
                    django_tokenauth.models.UTCDateTimeField(
                        blank=True, null=True, verbose_name="last used at"
                    ),
                ),
                (
                    "revoked_at",
                    django_tokenauth.models.UTCDateTimeField(
                        blank=True, null=True, verbose_name="revoked at"
                    ),
                ),
                (
                    "auth_hash",
                    models.CharField(
                        blank=True, default="", editable=False, max_length=128
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tokenauth_api_tokens",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "verbose_name_plural": "API tokens",
                "permissions": [("revoke_apitoken", "Can revoke API token")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("digest",), name="tokenauth_api_digest"
                    ),
                    models.UniqueConstraint(
                        fields=("previous_digest",), name="tokenauth_api_previous"
                    ),
                ],
            },
        ),
    ]
