"""The app configuration, which registers the system checks and connects the receivers."""

from __future__ import annotations

from collections.abc import Callable

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.core.checks import Tags, register
from django.db.models import Model
from django.db.models.signals import ModelSignal, post_save, pre_save
from django.utils.translation import gettext_lazy as _


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
                _connect_first(post_save, receivers.after_save, model)
            elif issubclass(user_model, model):
                _connect_first(post_save, receivers.after_parent_save, model)


def _connect_first(signal: ModelSignal, receiver: Callable[..., None], sender: type[Model]) -> None:
    """Connect *receiver* before the receivers of the project.

    Django calls no receivers after one that raises an error, and outside of a transaction, the user
    is already saved then. The error must not keep the user's sessions active.
    """
    signal.connect(receiver, sender=sender)
    with signal.lock:
        # Each entry starts with the ids of its receiver and its sender.
        signal.receivers.sort(key=lambda entry: entry[0][0] != id(receiver))
        signal.sender_receivers_cache.clear()
