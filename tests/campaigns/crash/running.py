"""A part of the crash test in a process of its own, whose database is made for it and dropped."""

from __future__ import annotations

import logging
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.db import connection

from tests.campaigns.crash.report import Row
from tests.support.client import PASSWORDS


def alone(module: str, function: str, environment: dict[str, str], *arguments: Any) -> list[Row]:
    """The rows of ``function`` of ``module``, which is called with ``arguments`` where alice and
    bob exist and nobody has signed in."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_work, module, function, environment, arguments).result()


def _work(
    module: str, function: str, environment: dict[str, str], arguments: tuple[Any, ...]
) -> list[Row]:
    os.environ.update(environment, DJANGO_SETTINGS_MODULE="tests.campaigns.crash.settings")
    django.setup()
    # What it says of each fault would hide what the crash test says.
    logging.getLogger("django_tokenauth").addHandler(logging.NullHandler())
    # Its tests may be running.
    settings.DATABASES["default"]["NAME"] += "_crash"
    former = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        # By their names, and not before: their models need the project.
        users: Any = import_module("django.contrib.auth.models").User.objects
        for name, password in PASSWORDS.items():
            users.create_user(name, password=password)
        rows: list[Row] = getattr(import_module(module), function)(*arguments)
        return rows
    finally:
        connection.creation.destroy_test_db(former, verbosity=0)
