"""``python -m tests.campaigns.fuzz``: a project is set up, and the command runs in it."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import django

if __name__ == "__main__":
    os.environ["DATABASE"] = "sqlite"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    # By its name, and not before: its models need the project.
    sys.exit(import_module("tests.campaigns.fuzz.command").main(sys.argv[1:]))
