"""The declaration of a setting as a field of a dataclass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any


def setting(parse: Callable[[object], Any], default: Any, *, secret: bool = False) -> Any:
    """Return the field of a setting. *parse* returns the value, or raises ``InvalidSetting``.

    The value of a *secret* setting is not in the ``repr`` and not in messages.
    """
    return field(default=default, repr=not secret, metadata={"parse": parse})
