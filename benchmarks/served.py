"""The project that gunicorn serves: the variable BENCHMARK tells the database and the peers."""

from __future__ import annotations

import json
import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

from . import project
from .peers import PEERS

_given = json.loads(os.environ["BENCHMARK"])
project.configure(
    _given["database"],
    [PEERS[name].app for name in _given["peers"]],
    ROOT_URLCONF=f"{__package__}.served_urls",
    # It tells the length of an answer, without which no connection stays open.
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
# The views are there before the first request is timed.
import_module(f"{__package__}.served_urls")
application = get_wsgi_application()
