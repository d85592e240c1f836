"""``python -m tests.support.scenarios MODULE``: a project is set up, and its story told as JSON."""

from __future__ import annotations

import json
import sys
from importlib import import_module

import django

if __name__ == "__main__":
    django.setup()
    # By its name, and not before: its models need the project.
    print(json.dumps(import_module(sys.argv[1]).scenario()))  # noqa: T201
