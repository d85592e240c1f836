"""Step-up: a new sign-in that continues a session, for example after a challenge of RFC 9470."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from .. import signals
from ..sessions.log_ids import log_id
from ..sessions.users import get_key
from .arguments import as_methods, django_request, request_user, stored_user
from .issuing import OnIssued, TokenPair
from .refresh_requests import StepUp, read_request
from .refreshing import continue_session
from .signing_in import send_user_logged_in

logger = logging.getLogger("django_tokenauth")


@sensitive_variables()
def step_up(
    user: Any,
    refresh_token: str,
    *,
    amr: Collection[str] = (),
    scope: Collection[str] | None = None,
    audience: str | None = None,
    client_id: str = "",
    user_agent: str = "",
    ip: str | None = None,
    request: HttpRequest | None = None,
    on_issued: OnIssued = None,
    now: datetime | None = None,
) -> TokenPair:
    """Continue the session of *refresh_token* after *user* has signed in again.

    The caller has checked the identity of *user*, as for
    :func:`~django_tokenauth.services.sign_in`. The session keeps its id, scope, lifetimes and data.
    Its ``auth_time`` becomes the current time, and its ``amr`` becomes *amr*, a collection of
    authentication methods (RFC 8176). *refresh_token* is rotated as by
    :func:`~django_tokenauth.services.refresh`, with the same rules for earlier refresh tokens.
    Execute two statements, plus those of hooks and receivers. Django's receiver of
    ``user_logged_in`` updates ``last_login``.

    *scope* narrows the scope of the access token, and *audience* is its audience. The other
    arguments are as in ``refresh()``. The signals ``user_logged_in`` and ``stepped_up`` are sent.
    Do not call ``step_up()`` inside ``atomic()``.

    Raises :class:`InvalidGrant` if *refresh_token* is not valid, if its session has ended or
    belongs to another user, or if a member of the staff acts as *user* in the session. Raises the
    other errors of ``refresh()``, and ``TypeError`` or ``ValueError`` for an invalid *amr*. Errors
    of receivers of ``user_logged_in`` propagate, and leave the session unchanged.
    """
    user, amr = stored_user(user), as_methods(amr)
    plain, is_sent = django_request(request), False

    def before_rotation(pair: TokenPair) -> None:
        nonlocal is_sent
        with request_user(plain, user):
            # A slow or repeated rotation issues tokens again.
            if not is_sent:
                is_sent = True
                send_user_logged_in(user, plain)
            if on_issued is not None:
                on_issued(pair)

    pair = continue_session(
        read_request(
            refresh_token,
            scope=scope,
            audience=audience,
            client_id=client_id,
            user_agent=user_agent,
            ip=ip,
            request=request,
            on_issued=before_rotation,
            now=now,
            step_up=StepUp(user, amr),
        )
    )
    name = pair.session and log_id(pair.session.pk)
    logger.info("user %s signed in again, session %s", get_key(user), name)
    with request_user(plain, user):
        signals.stepped_up.send_for(pair.session, user, plain)
    return pair
