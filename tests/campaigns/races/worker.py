"""Where a process of a crowd begins: the project is set up before anything of it is imported."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import django


def start(*arguments: Any) -> None:
    """:func:`tests.campaigns.races.worker_pool.serve`, which knows the models."""
    django.setup()
    import_module("tests.campaigns.races.worker_pool").serve(*arguments)
