"""The app configuration, which registers the system checks and connects the receivers."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.core.checks import Tags, register
from django.db.models.signals import post_save, pre_save
from django.utils.translation import gettext_lazy as _

from ._receivers import connect_first


class TokenAuthConfig(AppConfig):
    name = "django_tokenauth"
    verbose_name = _("Token authentication")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks and connect the receivers; both need the loaded models."""
        from .checks import (
            check_database,
            check_deployment,
            check_installation,
            check_routes,
            check_settings,
        )
        from .models import _users_collected
        from .sessions import receivers

        if apps.is_installed("drf_spectacular"):
            from .integrations import spectacular  # noqa: F401

        register(check_settings, Tags.security)
        register(check_installation)
        register(check_routes, Tags.urls)
        register(check_database, Tags.database)
        register(check_deployment, Tags.security, deploy=True)
        _users_collected.connect(receivers.collect_sessions)
        user_model = get_user_model()
        for model in apps.get_models():
            # Users can also be saved through a proxy model of the user model.
            if issubclass(model, user_model):
                pre_save.connect(receivers.before_save, sender=model)
                # An error of a project's receiver must not keep the user's sessions active.
                connect_first(post_save, receivers.after_save, model)
            elif issubclass(user_model, model):
                connect_first(post_save, receivers.after_parent_save, model)
