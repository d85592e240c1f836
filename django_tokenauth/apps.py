"""Wiring: what Django has to know at its start."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.core.checks import Tags, register
from django.db.models.signals import post_save, pre_delete, pre_save
from django.utils.translation import gettext_lazy as _


class TokenAuthConfig(AppConfig):
    name = "django_tokenauth"
    verbose_name = _("Token authentication")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks and the receivers, which import the models."""
        from .checks.database import check_table
        from .checks.deployment import check_deployment
        from .checks.keys import check_key_files, check_keys
        from .checks.settings import check_installation, check_settings
        from .sessions import receivers

        if apps.is_installed("drf_spectacular"):
            from .integrations import spectacular  # noqa: F401

        register(check_settings, Tags.security)
        register(check_installation)
        register(check_table, Tags.database)
        register(check_keys, Tags.security, deploy=True)
        register(check_key_files, Tags.security, deploy=True)
        register(check_deployment, Tags.security, deploy=True)
        user_model = get_user_model()
        for model in apps.get_models():
            # A user may be saved by a proxy of the model too. Without a sender, Django would have
            # to load the rows of each model of the project before it could delete them.
            if issubclass(model, user_model):
                pre_save.connect(receivers.before_save, sender=model)
                post_save.connect(receivers.after_save, sender=model)
                pre_delete.connect(receivers.before_delete, sender=model)
