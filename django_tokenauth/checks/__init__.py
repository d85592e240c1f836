"""The system checks ``tokenauth.E0xx`` (errors) and ``tokenauth.W0xx`` (warnings).

Django calls the functions in this file. They load the settings and pass them to the checks of one
subject, which are in the other files.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage

from ..conf.settings import InvalidSettings, Problem, Settings, load
from . import database, deployment, keys, names
from . import settings as settings_checks

_Apps = Sequence[AppConfig] | None


def check_settings(app_configs: _Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """Report settings and keys that the app cannot use, and dubious settings."""
    settings, problems = _load()
    return [
        *settings_checks.problem_messages(problems),
        *names.name_messages(),
        *settings_checks.setting_messages(settings, time.time()),
    ]


def check_installation(app_configs: _Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """Report a user model or REST framework settings that do not work with this app."""
    settings, _ = _load()
    return [*settings_checks.installation_messages(settings)]


def check_database(
    app_configs: _Apps = None, *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Report a table of sessions that is missing, outdated or never pruned, and old hashes.

    Django calls this in ``migrate`` and in ``manage.py check --database default``. With invalid
    settings, the project does not run and no table is read.
    """
    settings, problems = _load()
    if problems or not databases:
        return []
    return [
        *database.table_messages(settings, databases),
        *database.user_messages(databases),
    ]


def check_deployment(app_configs: _Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """Report what is insecure in production. Django calls this in ``check --deploy``."""
    settings, _ = _load()
    return [
        *keys.key_messages(settings, time.time()),
        *deployment.deployment_messages(settings),
    ]


def _load() -> tuple[Settings, Sequence[Problem]]:
    """Return the settings, or those without problems, and the problems."""
    try:
        return load(), ()
    except InvalidSettings as error:
        return error.settings, error.problems
