"""Access tokens that every view must reject, for the tests of a project.

Each function signs *user* in and returns a token with one error. Both authentication classes reject
the token with the documented code. The sign-in evicts no other session of *user*.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from math import ceil
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .. import _base64url as base64url
from .. import services
from ..conf.settings import load
from ..keys.sources import access_keys
from ..models import RevokedReason
from ..services.issuing import TokenPair
from ..sessions.database import primary_sessions
from ..tokens import jws
from ..tokens.access import ACCESS_TYP
from ..tokens.claims import Claims
from .clients import start_session
from .isolation import forget_revoked_sessions, without_eviction

#: The ``iss`` claim of :func:`other_issuers_token`.
OTHER_ISSUER = "https://other-issuer.example.com"
#: The ``aud`` claim of :func:`other_audiences_token`.
OTHER_AUDIENCE = "https://other-service.example.com"


def expired_token(user: Any, scope: str | Collection[str] | None = None, **options: Any) -> str:
    """Return an access token of *user* that has expired, of a session that is still active.

    The token is rejected with ``TokenErrorCode.EXPIRED``, and the challenge says that it expired.
    *scope* and *options* are arguments of :meth:`~SignInMixin.sign_in`.
    """
    _, claims = _sign_in(user, scope, options)
    settings = load()
    # Half a minute more, so that no rounding and no other clock makes the token valid.
    past = claims.expires_at - claims.issued_at + ceil(settings.leeway.total_seconds()) + 30
    return _signed(
        claims._replace(issued_at=claims.issued_at - past, expires_at=claims.expires_at - past)
    )


def revoked_token(user: Any, scope: str | Collection[str] | None = None, **options: Any) -> str:
    """Return an access token of *user* whose session was revoked.

    The token is rejected with ``TokenErrorCode.REVOKED``. The snapshot of this process contains the
    revocation, so :class:`~django_tokenauth.authentication.StatelessJWTAuthentication` rejects the
    token too, unless ``REVOCATION_POLL_INTERVAL`` is ``None``. *scope* and *options* are arguments
    of :meth:`~SignInMixin.sign_in`. Raises ``ImproperlyConfigured`` with ``STATELESS_REFRESH``.
    """
    if load().stateless_refresh:
        raise ImproperlyConfigured(
            "With STATELESS_REFRESH, no session is stored, so no token can be revoked. Test with "
            "expired_token(), or override TOKENAUTH without STATELESS_REFRESH."
        )
    pair, claims = _sign_in(user, scope, options)
    rows = primary_sessions().filter(pk=str(claims.session_id))
    services.revoke_sessions(rows, RevokedReason.SIGNED_OUT)
    forget_revoked_sessions()
    # Read the snapshot now, so that the next stateless request executes no statement.
    services.is_revoked(claims)
    return pair.access_token


def tampered_token(user: Any, scope: str | Collection[str] | None = None, **options: Any) -> str:
    """Return an access token of *user* whose ``sub`` was changed without a new signature.

    The token is rejected with ``TokenErrorCode.SIGNATURE``. *scope* and *options* are arguments of
    :meth:`~SignInMixin.sign_in`.
    """
    _, claims = _sign_in(user, scope, options)
    header, _, signature = _signed(claims).split(".")
    changed = jws.to_json(claims._replace(subject=f"{claims.subject}0").to_payload())
    return ".".join((header, base64url.encode(changed).decode("ascii"), signature))


def other_issuers_token(
    user: Any, scope: str | Collection[str] | None = None, **options: Any
) -> str:
    """Return an access token of *user* with another ``iss``, signed with a key of this project.

    Only the issuer is wrong, as for a token of a second server or tenant that shares the key. The
    token is rejected with ``TokenErrorCode.ISSUER``. *scope* and *options* are arguments of
    :meth:`~SignInMixin.sign_in`.
    """
    _, claims = _sign_in(user, scope, options)
    return _signed(claims._replace(issuer=OTHER_ISSUER))


def other_audiences_token(
    user: Any, scope: str | Collection[str] | None = None, **options: Any
) -> str:
    """Return an access token of *user* with another ``aud``, signed with a key of this project.

    Only the audience is wrong, as for a token for another service of the same issuer. The token is
    rejected with ``TokenErrorCode.AUDIENCE``. *scope* and *options* are arguments of
    :meth:`~SignInMixin.sign_in`.
    """
    _, claims = _sign_in(user, scope, options)
    return _signed(claims._replace(audience=(OTHER_AUDIENCE,)))


def _sign_in(
    user: Any, scope: str | Collection[str] | None, options: dict[str, Any]
) -> tuple[TokenPair, Claims]:
    """Start a session, and evict none. Return its tokens and the claims of the access token."""
    with without_eviction(user):
        pair = start_session(user, scope, **options)
    request, audience = options.get("request"), pair.audience
    return pair, services.authenticate_access_token(
        pair.access_token, request=request, audience=audience
    )


def _signed(claims: Claims) -> str:
    """Return *claims* as a token, signed with the key that signs now."""
    return jws.encode(claims.to_payload(), ACCESS_TYP, access_keys(load()).at(time.time()))
