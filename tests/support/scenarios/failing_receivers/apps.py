"""The project's app, whose receiver of saved users raises an error."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_save


class FailingReceiversConfig(AppConfig):
    name = "tests.support.scenarios.failing_receivers"

    def ready(self) -> None:
        post_save.connect(fail, sender="auth.User")


def fail(created: bool, update_fields: frozenset[str] | None, **kwargs: Any) -> None:
    if not created and update_fields != {"last_login"}:
        raise LookupError
