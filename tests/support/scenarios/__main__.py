"""``python -m tests.support.scenarios MODULE``: set up Django and print the scenario as JSON."""

from __future__ import annotations

import json
import sys
from importlib import import_module

import django

if __name__ == "__main__":
    django.setup()
    # Import the module after the set-up, because it may import models.
    print(json.dumps(import_module(sys.argv[1]).scenario()))  # noqa: T201
