"""The system checks ``tokenauth.E0xx`` (errors) and ``tokenauth.W0xx`` (warnings).

Django calls the check functions in this module, and each of them loads the settings. Each other
module in this package contains the checks of one subject.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage

from ..conf.problems import Problem
from ..conf.settings import InvalidSettings, Settings, load
from . import clients, database, deployment, hooks, keys, middleware, names, routes, tenants
from . import settings as settings_checks

_Apps = Sequence[AppConfig] | None


def check_settings(app_configs: _Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """Report settings and keys that the app cannot use, and settings that are risky or unused."""
    settings, problems = _load()
    return [
        *settings_checks.problem_messages(problems),
        *names.name_messages(),
        *settings_checks.setting_messages(settings, time.time()),
        *tenants.tenant_messages(settings),
        *hooks.hook_messages(settings),
        *clients.client_messages(settings),
    ]


def check_installation(app_configs: _Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """Check ``INSTALLED_APPS``, ``MIDDLEWARE``, ``USER_ID_FIELD`` and the default authentication
    classes."""
    settings, _ = _load()
    return [
        *settings_checks.installation_messages(settings),
        *middleware.middleware_messages(),
    ]


def check_routes(app_configs: _Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """Report routes of the URLconf that the metadata and the OpenAPI schema cannot find."""
    settings, _ = _load()
    # Django's own checks report a URLconf that cannot be imported.
    with suppress(Exception):
        return list(routes.route_messages(settings))
    return []


def check_database(
    app_configs: _Apps = None, *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Report a session table that is missing, outdated or not pruned.

    Report password hashes whose verification time may reveal usernames. Django runs this check in
    ``migrate`` and in ``manage.py check --database default``. If the settings are invalid, the
    check reads no table.
    """
    settings, problems = _load()
    if problems or not databases:
        return []
    return [
        *database.table_messages(settings, databases),
        *database.user_messages(databases),
    ]


def check_deployment(app_configs: _Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """Report settings, keys and libraries that are insecure in production.

    Django runs this check in ``manage.py check --deploy``.
    """
    settings, _ = _load()
    return [
        *keys.key_messages(settings, time.time()),
        *deployment.deployment_messages(settings),
    ]


def _load() -> tuple[Settings, Sequence[Problem]]:
    """Return the valid settings, and the problems of the invalid settings."""
    try:
        return load(), ()
    except InvalidSettings as error:
        return error.settings, error.problems
