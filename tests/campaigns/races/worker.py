"""The entry point of a worker process, which sets Django up before it imports models."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import django


def start(*arguments: Any) -> None:
    """Call :func:`tests.campaigns.races.worker_pool.serve` after ``django.setup()``."""
    django.setup()
    import_module("tests.campaigns.races.worker_pool").serve(*arguments)
