"""What a process pays for a package at its start: ``python -m benchmarks.imports APPS MODULES``.

Prints the milliseconds of the processor and the MiB of this process, which sets a project with REST
framework up and imports the modules. Of the other benchmarks it imports nothing that
imports more.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module

import django
from django.conf import settings

from . import system


def main(apps: list[str], modules: list[str]) -> None:
    settings.configure(
        SECRET_KEY="the secret key of a benchmark, longer than 32 bytes",  # noqa: S106
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "rest_framework",
            *apps,
        ],
        USE_TZ=True,
    )
    django.setup()
    for module in ("rest_framework.views", "rest_framework.authentication", *modules):
        import_module(module)
    json.dump({"ms": time.process_time() * 1000, "MiB": system.resident()}, sys.stdout)


if __name__ == "__main__":
    main(*(argument.split(",") if argument else [] for argument in sys.argv[1:3]))
