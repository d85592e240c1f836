"""Call the hooks of the project with the optional arguments that they accept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ..conf.settings import Settings

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def call_hook(settings: Settings, name: str, *arguments: Any, **optional: Any) -> Any:
    """Call the hook in the field *name* of *settings* and return its result.

    The hook receives *arguments* by position. It receives an *optional* argument by keyword if one
    of its further parameters has this name.
    """
    hook: Callable[..., Any] = getattr(settings, name)
    names = _further_names(settings, name, len(arguments))
    return hook(*arguments, **{each: optional[each] for each in names.intersection(optional)})


@lru_cache(maxsize=16)
def _further_names(settings: Settings, name: str, count: int) -> frozenset[str]:
    """Return the parameters of the hook that can be keywords, except its first *count* ones."""
    try:
        parameters = [*inspect.signature(getattr(settings, name)).parameters.values()][count:]
    except (TypeError, ValueError):
        # A function that is written in C may have no signature.
        return frozenset()
    return frozenset(each.name for each in parameters if each.kind in _BY_NAME)
