"""Sign in: check a password, then start a session and issue its tokens."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NoReturn

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connections, router
from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from .. import signals
from .._limits import MAX_CLIENT_ID, MAX_DEVICE_NAME
from ..conf.per_request import load_for
from ..errors import InvalidGrant, InvalidRequest, ServiceUnavailable
from ..models import RevokedReason, Session
from ..sessions import pruning, store
from ..sessions.clock import Clock
from ..sessions.database import database_errors_as_unavailable, database_required
from ..sessions.log_ids import log_id
from ..sessions.outages import is_outage
from ..sessions.store import SessionState
from ..sessions.usernames import is_valid_username
from ..sessions.users import (
    auth_hash,
    can_be_read,
    get_key,
    get_subject,
    has_auth_hash,
    refetch,
    rehashing,
    why_refused,
)
from ..tokens.claims import SignIn
from .arguments import (
    as_methods,
    as_strings,
    check_ip,
    check_text,
    clock_of,
    django_request,
    request_user,
    stored_user,
)
from .audiences import audiences_of, audiences_to_store, choose_audience, scope_of_token
from .backends import credentials
from .issuing import OnIssued, TokenIssuer, TokenPair, as_seconds, granted_scope
from .lifetimes import Lifetimes, choose_lifetimes
from .new_sessions import new_session
from .password_limits import is_rejected_by_a_hasher, is_too_long
from .session_data import choose_data
from .signing_out import revoke_and_signal

logger = logging.getLogger("django_tokenauth")

#: Maximum number of rows that a sign-in prunes, so that projects do not need cron. A sign-in may
#: prune more than one row, so that sign-ins reduce a backlog of prunable rows.
PRUNED_PER_SIGN_IN = 20


#: The description of ``invalid_grant`` for a sign-in, which must not show whether the user exists.
WRONG_PASSWORD = _("Wrong username or password.")


class PasswordTooLong(InvalidRequest):
    """The server cannot hash the password, so the password was not checked."""

    description = _("The password is too long for this server.")


class PasswordNotChecked(ServiceUnavailable):
    """The database cannot return users, so the throttle does not count the attempt as failed."""


#: Errors of :func:`check_password` that the throttle does not count as failed attempts.
NOT_CHECKED = (PasswordTooLong, PasswordNotChecked)


@sensitive_variables()
def check_password(request: HttpRequest | None, username: str, password: str) -> Any:
    """Return the user with *username* and *password*, from Django's authentication backends.

    *request* is a request of Django or REST framework; the backends receive the Django request. The
    log records that the password is correct, even if the caller rejects the sign-in later.

    Raises the same :class:`InvalidGrant` for an unknown or invalid username, a wrong password and
    an inactive user. Raises :class:`InvalidRequest` for a password that is too long for the first
    of ``PASSWORD_HASHERS``, and :class:`ServiceUnavailable` on a database outage. Other errors of a
    backend propagate, and so do errors of receivers of ``user_login_failed``.
    """
    if is_too_long(password):
        raise PasswordTooLong
    try:
        with database_required(), rehashing(password):
            user = authenticate(django_request(request), **credentials(username, password))
    except (ValueError, ValidationError, DataError):
        # ModelBackend queries any username, even one that the username field cannot hold. The
        # hasher of the stored password can differ from the first of PASSWORD_HASHERS.
        if is_valid_username(username) and not is_rejected_by_a_hasher(password):
            raise
        user = None
    except DatabaseError as error:
        if is_outage(error):
            _raise_unavailable(error)
        raise
    except InvalidGrant:
        # The password was changed during its check.
        raise InvalidGrant(WRONG_PASSWORD) from None
    if user is None:
        logger.info("sign-in rejected")
        raise InvalidGrant(WRONG_PASSWORD)
    # Log the successful check: otherwise, an attacker could test stolen passwords without a trace.
    logger.info("user %s: the password is correct", get_key(user))
    if not user.is_active:
        logger.info("sign-in rejected: user %s is inactive", get_key(user))
        raise InvalidGrant(WRONG_PASSWORD)
    return user


def _raise_unavailable(error: DatabaseError) -> NoReturn:
    """Log the outage *error* and raise :class:`ServiceUnavailable`.

    Raises :class:`PasswordNotChecked` only if the database cannot return users: the client's input
    may cause other database errors after the password check.
    """
    logger.error("database error (%s)", type(error).__name__, exc_info=error)
    raise (ServiceUnavailable if can_be_read() else PasswordNotChecked) from None


def sign_in(
    user: Any,
    *,
    request: HttpRequest | None = None,
    scope: Collection[str] | None = None,
    client_id: str = "",
    device_name: str = "",
    user_agent: str = "",
    ip: str | None = None,
    amr: Collection[str] = (),
    lifetimes: Lifetimes | None = None,
    data: Any = None,
    audiences: Collection[str] | None = None,
    fields: Mapping[str, Any] | None = None,
    on_issued: OnIssued = None,
    now: datetime | None = None,
) -> TokenPair:
    """Start a session for *user*, whose identity the caller has checked, and return its tokens.

    Execute at most four statements, plus those of hooks and receivers. Revoking 500 or more
    sessions above ``MAX_SESSIONS_PER_USER`` takes additional statements. Django's receiver of
    ``user_logged_in`` updates ``last_login``. One statement reads the stored session and its user
    again. If the password or ``is_active`` changed since *user* was read, the session is revoked
    and the sign-in rejected.

    Do not call ``sign_in()`` inside ``atomic()``: until the commit, a change of the user cannot
    revoke the session.

    *request* (of Django or REST framework) is passed to hooks and signals. ``request.user`` is
    *user* while ``user_logged_in`` and ``signed_in`` are sent. *scope* is a collection of the
    requested scope names; ``None`` requests every scope that the user may have. *client_id*
    defaults to ``ISSUER``. *device_name*, *user_agent* and *ip* describe the device in the list of
    sessions. *amr* is a collection of authentication methods (RFC 8176). *lifetimes* replaces the
    result of the hook ``LIFETIMES``. *data*, a JSON value of at most 2,048 bytes, is stored in the
    session, and replaces the result of the hook ``SESSION_DATA``. *audiences* are the audiences
    that the session may be used for, ``AUDIENCE`` or names in ``AUDIENCES``; ``None`` means all of
    them, with ``AUDIENCE`` first. The access token is for the first one. *fields* are further
    values of the request, which both hooks receive. *on_issued* is called with the pair before the
    session is stored, so no session remains if it raises an error. *now* defaults to the current
    time.

    Raises :class:`InvalidScope`, :class:`InvalidTarget`, :class:`ServiceUnavailable`, and
    :class:`InvalidGrant` if the user changed during the sign-in. Raises ``TypeError`` if *scope*,
    *amr* or *audiences* is a single string, if *audiences* is a set of several, or if the primary
    key of *user* is ``None``. Raises ``ValueError`` if *audiences* is empty. Raises ``ValueError``
    if a name in *amr* is empty or contains a space, or if *ip* is not an address. Raises
    ``ValueError`` if *client_id* (255 characters), *device_name* (100) or *amr* (255) is too long.
    *user_agent* is truncated to 255 characters. Raises ``TypeError`` or ``ValueError`` for invalid
    *data* and *lifetimes*. Errors of hooks and of receivers of ``user_logged_in`` propagate. An
    error after the session is stored revokes the session, unless the database fails too.
    """
    user = stored_user(user)
    scope = None if scope is None else as_strings("scope", scope)
    amr = as_methods(amr)
    check_text("client_id", client_id, MAX_CLIENT_ID)
    check_text("device_name", device_name, MAX_DEVICE_NAME)
    check_text("user_agent", user_agent)
    check_ip(ip)
    settings, clock, request = load_for(request), clock_of(now), django_request(request)
    now, fields = clock(), {} if fields is None else fields
    issuer = TokenIssuer(settings=settings, request=request, now=now)
    stored = audiences_to_store(settings, audiences)
    names, audience = audiences_of(settings, stored), choose_audience(settings, stored, None)
    granted = granted_scope(settings, user, scope, settings.scopes, request, names)
    token_scope = scope_of_token(settings, granted, audience, scope)
    client_id = client_id or settings.issuer
    lifetimes = choose_lifetimes(settings, lifetimes, user, client_id, request, fields)
    data = choose_data(settings, data, user, request, fields)
    if settings.stateless_refresh:
        auth_time = int(now.timestamp())
        pair = issuer.issue_stateless(
            user,
            SignIn(
                auth_time=auth_time,
                client_id=client_id,
                scope=granted,
                amr=amr,
                client_authenticated=client_id in settings.clients,
                access_lifetime=as_seconds(lifetimes.access),
                idle_lifetime=as_seconds(lifetimes.idle),
                absolute_lifetime=as_seconds(lifetimes.absolute),
                data=data,
                audiences=stored,
            ),
            token_scope,
            audience,
            session_id=store.new_id(now),
            generation=1,
        )
    else:
        session = new_session(
            issuer,
            user,
            granted,
            requested=scope,
            audiences=stored,
            idle=lifetimes.idle or settings.refresh_token_lifetime,
            absolute=lifetimes.absolute or settings.session_lifetime,
            client_id=client_id,
            device_name=device_name,
            user_agent=user_agent,
            ip=ip,
            amr=" ".join(amr),
            access_lifetime=lifetimes.access,
            idle_lifetime=lifetimes.idle,
            data=data,
        )
        state = SessionState.of(session)
        pair = issuer.issue_for_session(session, state, token_scope, audience)
    with request_user(request, user):
        send_user_logged_in(user, request)
        if on_issued is not None:
            on_issued(pair)
    with _revoked_on_error(pair.session, clock):
        with database_errors_as_unavailable():
            if pair.session is None:
                _check_stored_user(user)
            else:
                _store(issuer, pair.session, clock)
        name = pair.session and log_id(pair.session.pk)
        logger.info("user %s signed in, session %s", get_key(user), name)
        with request_user(request, user):
            signals.signed_in.send_for(pair.session, user, request)
    return pair


def send_user_logged_in(user: Any, request: HttpRequest | None) -> None:
    """Send ``user_logged_in`` before the session is stored: a receiver may raise an error."""
    try:
        with database_errors_as_unavailable():
            user_logged_in.send(sender=type(user), request=request, user=user)
    except DatabaseError:
        # Django's receiver update_last_login raises a DatabaseError if the user was deleted.
        with database_errors_as_unavailable():
            _check_stored_user(user)
        raise


@contextmanager
def _revoked_on_error(session: Session | None, clock: Clock) -> Iterator[None]:
    """Revoke *session* if the ``with`` block raises an error: no client receives its tokens."""
    try:
        yield
    except BaseException:
        if session is not None:
            # Suppress a second database error, because the first error is the one to report.
            with suppress(DatabaseError):
                store.revoke(session, RevokedReason.USER_CHANGED, now=clock())
        raise


def _store(issuer: TokenIssuer, session: Session, clock: Clock) -> None:
    """Store *session* and check its user again.

    Revoke the user's sessions above the limit. If no session is above the limit, prune.
    """
    try:
        store.add(session)
    except IntegrityError:
        _check_stored_user(session.user)
        raise
    # The user may have changed while the password was hashed or a hook ran. A later change of the
    # user revokes the session, because the session is already stored.
    stored, id_field = store.find(session.pk), issuer.settings.user_id_field
    if stored is None or why_refused(stored, get_subject(session.user, id_field), id_field):
        _reject_changed(session.user)
    if not _enforce_session_limit(issuer, session, clock):
        _prune(issuer)


def _check_stored_user(user: Any) -> None:
    """Reject the sign-in if the stored user was deleted, is inactive or has a new password."""
    stored = refetch(user)
    if stored is None or not stored.is_active or not has_auth_hash(stored, auth_hash(user)):
        _reject_changed(user)


def _reject_changed(user: Any) -> NoReturn:
    logger.info("sign-in rejected: user %s changed during the sign-in", get_key(user))
    raise InvalidGrant(WRONG_PASSWORD) from None


def _enforce_session_limit(issuer: TokenIssuer, new: Session, clock: Clock) -> bool:
    """Revoke the oldest sessions above ``MAX_SESSIONS_PER_USER``; return whether any existed."""
    limit = issuer.settings.max_sessions_per_user
    if limit is None:
        return False
    over_limit = store.over_limit(new, limit - 1, now=issuer.now)
    evicted = bool(over_limit)
    while over_limit:
        revoked = revoke_and_signal(
            [over_limit], RevokedReason.EVICTED, request=issuer.request, clock=clock, user=new.user
        )
        # revoke_and_signal() returns 0 if concurrent sign-ins have already evicted the same
        # sessions.
        if len(over_limit) < store.BATCH_SIZE or not revoked:
            break
        over_limit = store.over_limit(new, limit - 1, now=issuer.now)
    return evicted


def _prune(issuer: TokenIssuer) -> None:
    """Delete up to ``PRUNED_PER_SIGN_IN`` prunable rows, with at most one statement."""
    # Do not prune in the caller's transaction: locks would last until the commit, and an error
    # would break the transaction.
    if connections[router.db_for_write(Session)].in_atomic_block:
        return
    try:
        pruning.prune(issuer.now - issuer.settings.prune_after, PRUNED_PER_SIGN_IN)
    except DatabaseError as error:
        logger.warning("pruning failed (%s)", type(error).__name__)
