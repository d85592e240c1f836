"""The audiences of a session and of its access tokens (RFC 8707), and the scopes of an audience.

A project without ``AUDIENCES`` has one audience, ``AUDIENCE``. The functions of this module execute
no statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet

from .._audience import OWN_AUDIENCE
from ..conf.per_request import load_for
from ..conf.settings import Settings
from ..errors import InvalidScope, InvalidTarget
from .arguments import as_collection


def check_audiences(
    audiences: Collection[str] | None,
    *,
    scope: Collection[str] | None = None,
    request: object = None,
) -> None:
    """Reject *audiences* if one of them is neither ``AUDIENCE`` nor in ``AUDIENCES``.

    Call ``check_audiences()`` before you check a password or another secret, as
    :func:`~django_tokenauth.services.check_scope`. *audiences* may be ``None``. *scope*, the
    requested scope names or ``None``, is rejected if tokens for the first audience, by default
    ``AUDIENCE``, can have none of them. *request* (of Django or REST framework) is passed to
    ``AUDIENCE`` if it is a function.

    Raises :class:`InvalidTarget` and :class:`InvalidScope`. Raises ``TypeError`` if *audiences* or
    *scope* is a single string or an iterator.
    """
    settings = load_for(request)
    names: tuple[str, ...] = (settings.audience,)
    if audiences is not None:
        names = as_collection("audiences", audiences) or names
        for name in names:
            check_audience(settings, name)
    if scope is not None:
        requested = frozenset(as_collection("scope", scope))
        scope_of_token(settings, requested, names[0], requested)


def check_audience(settings: Settings, audience: str) -> None:
    """Raise :class:`InvalidTarget` unless *audience* is ``AUDIENCE`` or in ``AUDIENCES``."""
    if audience != settings.audience and audience not in settings.audiences:
        raise InvalidTarget


def audiences_to_store(settings: Settings, audiences: object) -> tuple[str, ...]:
    """Return *audiences*, an argument of ``sign_in``, in the form of ``Session.audiences``.

    ``None`` means ``AUDIENCE`` and all of ``AUDIENCES``. The result is empty if it would contain
    only ``AUDIENCE``. Raises :class:`InvalidTarget`, ``ValueError`` if *audiences* is empty, and
    ``TypeError`` if *audiences* is a single string or has no order.
    """
    if audiences is None:
        names = (settings.audience, *settings.audiences)
    else:
        names = as_collection("audiences", audiences)
        if isinstance(audiences, AbstractSet) and len(names) > 1:
            raise TypeError(
                "audiences must be a list or a tuple: the first audience has a meaning."
            )
        if not names:
            raise ValueError("audiences must contain at least one audience, or be None.")
        for name in names:
            check_audience(settings, name)
    own = (OWN_AUDIENCE if name == settings.audience else name for name in names)
    stored = tuple(dict.fromkeys(own))
    return () if stored == (OWN_AUDIENCE,) else stored


def audiences_of(settings: Settings, stored: Sequence[str]) -> tuple[str, ...]:
    """Return the audiences in *stored*, in the form of ``Session.audiences``, that still exist."""
    names = (settings.audience if name == OWN_AUDIENCE else name for name in stored)
    return tuple(
        name for name in names if name == settings.audience or name in settings.audiences
    ) or (() if stored else (settings.audience,))


def choose_audience(settings: Settings, stored: Sequence[str], requested: str | None) -> str:
    """Return the audience of a new access token: *requested*, or the first one of *stored*.

    *stored* has the form of ``Session.audiences``. Raises :class:`InvalidTarget` if *requested*
    exceeds *stored*, or if ``AUDIENCES`` no longer contains the first audience.
    """
    permitted = audiences_of(settings, stored)
    chosen = audiences_of(settings, stored[:1]) if requested is None else (requested,)
    if not chosen or chosen[0] not in permitted:
        raise InvalidTarget
    return chosen[0]


def scopes_of(settings: Settings, audiences: Iterable[str]) -> frozenset[str]:
    """Return the names in ``SCOPES`` that tokens for *audiences* may have.

    Without an entry in ``AUDIENCES``, tokens for ``AUDIENCE`` may have every scope.
    """
    return frozenset().union(
        *(settings.audiences.get(audience, settings.scopes) for audience in audiences)
    )


def scope_of_token(
    settings: Settings, granted: frozenset[str], audience: str, requested: Collection[str] | None
) -> frozenset[str]:
    """Return the scope of an access token for *audience*, of a session with the scope *granted*.

    Raises :class:`InvalidScope` if *requested*, the scope names of the request or ``None``,
    contains names, and none of them is a scope of *audience*.
    """
    if not settings.audiences:
        return granted
    scope = granted & scopes_of(settings, (audience,))
    if requested and not scope:
        raise InvalidScope
    return scope
