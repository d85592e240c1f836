"""The parameters of a request that name an audience: ``resource`` (RFC 8707) and ``audience``."""

from __future__ import annotations

from typing import Any

from .._audience import AUDIENCE_PARAMETERS
from ..conf.settings import load
from ..errors import InvalidTarget


def take_audience(parameters: dict[str, Any]) -> str | None:
    """Remove the audience from *parameters*, and return it, or ``None`` if there is none.

    Without ``AUDIENCES``, return ``None`` and remove nothing: the parameters are those of the
    project. Raises :class:`InvalidTarget` for two audiences.
    """
    if not load().audiences:
        return None
    named = {parameters.pop(name, None) for name in AUDIENCE_PARAMETERS} - {None}
    if len(named) > 1:
        raise InvalidTarget
    return named.pop() if named else None
