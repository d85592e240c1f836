"""The module ``mysite/lockout.py`` of ``docs/axes.rst``."""

from __future__ import annotations

from tests.support.scenarios.axes.settings import PAGE

exec(PAGE["mysite/lockout.py"])  # noqa: S102
