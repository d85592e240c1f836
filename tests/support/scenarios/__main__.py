"""Run the scenarios that are read from standard input, each in a fork of this process.

``run_scenario`` writes a line for each: the module and the environment, as JSON. An empty line ends
the process.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module

import django

from tests.support.scenarios.running import END

#: Libraries that need no settings. Importing them takes a third of the time of a scenario.
LIBRARIES = (
    "django.core.management",
    "django.db.models",
    "django.test",
    "jwt",
    "rest_framework.serializers",
)


def run(module: str, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    django.setup()
    # Import the module after the set-up, because it may import models.
    print(json.dumps(import_module(module).scenario()))  # noqa: T201


def main() -> None:
    for library in LIBRARIES:
        import_module(library)
    while request := sys.stdin.readline().strip():
        process = os.fork()
        if process == 0:
            run(*json.loads(request))
            return
        _, status = os.waitpid(process, 0)
        print(f"{END}{os.waitstatus_to_exitcode(status)}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
