"""The schema of the routes of API tokens."""

from __future__ import annotations

import json
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

from django.core.management import call_command


def scenario() -> dict[str, Any]:
    """Return the schema, and the warnings of drf-spectacular."""
    schema, warnings = StringIO(), StringIO()
    options = {"validate": True, "fail_on_warn": True, "format": "openapi-json"}
    with redirect_stderr(warnings):
        call_command("spectacular", stdout=schema, **options)
    return {"schema": json.loads(schema.getvalue()), "warnings": warnings.getvalue()}
