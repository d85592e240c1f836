"""What ``docs/axes.rst`` puts into the module of this name."""

from __future__ import annotations

from tests.support.scenarios.axes.settings import PAGE

exec(PAGE["mysite/lockout.py"])  # noqa: S102
