"""Wiring: what Django has to know at its start."""

from __future__ import annotations

from importlib import import_module

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
        # By name and not at the top: they need the models, which Django loads after this module.
        checks, database_checks, key_checks, key_file_checks, deploy_checks, receivers = (
            import_module(f"{self.name}.{room}")
            for room in (
                *("checks.settings", "checks.database", "checks.keys"),
                *("checks.key_files", "checks.deployment", "sessions.receivers"),
            )
        )
        if apps.is_installed("drf_spectacular"):
            import_module(f"{self.name}.integrations.spectacular")
        register(checks.check_settings, Tags.security)
        register(checks.check_installation)
        register(database_checks.check_table, Tags.database)
        register(key_checks.check_keys, Tags.security, deploy=True)
        register(key_file_checks.check_key_files, Tags.security, deploy=True)
        register(deploy_checks.check_deployment, Tags.security, deploy=True)
        user_model = get_user_model()
        for model in apps.get_models():
            # A user may be saved by a proxy of the model too. Without a sender, Django would have
            # to load the rows of each model of the project before it could delete them.
            if issubclass(model, user_model):
                pre_save.connect(receivers.before_save, sender=model)
                post_save.connect(receivers.after_save, sender=model)
                pre_delete.connect(receivers.before_delete, sender=model)
