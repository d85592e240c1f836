"""``python -m tests.campaigns.fuzz``: set Django up and run the command."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import django

if __name__ == "__main__":
    os.environ["DATABASE"] = "sqlite"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    # Its models need ``django.setup()``, so it is imported by name.
    sys.exit(import_module("tests.campaigns.fuzz.command").main(sys.argv[1:]))
