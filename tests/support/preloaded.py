"""The modules that worker processes share. Importing this module sets Django up."""

from __future__ import annotations

from importlib import import_module

import django
from django.conf import settings

django.setup()
import_module("tests.urls")
if "redis" in settings.CACHES:
    # Its import takes half a second.
    import_module("redis")
