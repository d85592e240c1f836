"""Run a part of the crash test in a new process with a temporary database."""

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


def run_in_process(
    module: str, function: str, environment: dict[str, str], *arguments: Any
) -> list[Row]:
    """Call ``function`` of ``module`` with ``arguments`` and return its rows.

    The database has the users alice and bob, and no session.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_run, module, function, environment, arguments).result()


def _run(
    module: str, function: str, environment: dict[str, str], arguments: tuple[Any, ...]
) -> list[Row]:
    os.environ.update(environment, DJANGO_SETTINGS_MODULE="tests.campaigns.crash.settings")
    django.setup()
    # The log lines of the faults would hide the output of the crash test.
    logging.getLogger("django_tokenauth").addHandler(logging.NullHandler())
    # The suite may use its test database at the same time.
    settings.DATABASES["default"]["NAME"] += "_crash"
    original_name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        # Their models need ``django.setup()``, so they are imported by name.
        users: Any = import_module("django.contrib.auth.models").User.objects
        for name, password in PASSWORDS.items():
            users.create_user(name, password=password)
        rows: list[Row] = getattr(import_module(module), function)(*arguments)
        return rows
    finally:
        connection.creation.destroy_test_db(original_name, verbosity=0)
