"""The app configuration, which connects the reader of API tokens and the receivers."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.core.signals import request_finished, request_started
from django.db.models.signals import post_save
from django.utils.translation import gettext_lazy as _

from .._receivers import connect_first


class APITokensConfig(AppConfig):
    name = "django_tokenauth.api_tokens"
    # A project may have an app of its own with the label "api_tokens".
    label = "tokenauth_api_tokens"
    verbose_name = _("API tokens")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the reader and the receivers; both need the loaded models."""
        from ..models import _user_rehashed
        from ..services import api_tokens
        from . import last_use, receivers
        from .reader import Reader

        if apps.is_installed("drf_spectacular"):
            from . import schema  # noqa: F401

        api_tokens.connect(Reader())
        request_started.connect(last_use.forget_pending)
        # Before Django's receiver, which may close the connection to the database.
        connect_first(request_finished, last_use.store_pending)
        _user_rehashed.connect(receivers.after_rehash)
        for model in apps.get_models():
            if issubclass(model, get_user_model()):
                connect_first(post_save, receivers.after_save, model)
