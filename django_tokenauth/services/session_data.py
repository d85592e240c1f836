"""The small JSON value that a session stores, such as the organisation chosen at sign-in."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import _strict_json as strict_json
from .._json_values import NotJSON, as_json_value
from .._limits import MAX_SESSION_DATA
from ..conf.settings import Settings, load
from ..errors import InvalidRequest
from ..models import Session
from ..sessions import store
from ..sessions.database import database_errors_as_unavailable
from .arguments import as_uuid, current_time
from .hooks import call_hook

logger = logging.getLogger("django_tokenauth")

# The JSON escape of NUL, which PostgreSQL cannot store.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class NotStorable(ValueError):
    """A session cannot store the data. The client's request may have caused this."""


def set_session_data(
    session: Session | uuid.UUID | str, data: Any, *, now: datetime | None = None
) -> bool:
    """Replace the data of *session*, a session or its id. One statement.

    *data* is a JSON value, as in :func:`~django_tokenauth.services.sign_in`. ``None`` removes the
    data. The next refresh passes the new data to ``EXTRA_CLAIMS``. Access tokens that were issued
    before keep their claims. *now* defaults to the current time.

    Returns whether the data was replaced. Returns ``False`` if the session does not exist, has
    expired or was revoked, and with ``STATELESS_REFRESH``.

    Raises :class:`ServiceUnavailable`. Raises ``TypeError`` or ``ValueError`` for invalid data.
    """
    data, now = as_data(data), current_time(now)
    key = session.pk if isinstance(session, Session) else as_uuid(session)
    if key is None or load().stateless_refresh:
        return False
    with database_errors_as_unavailable():
        replaced = store.set_data(key, data, now=now)
    if replaced and isinstance(session, Session):
        session.data = data
    return replaced


def choose_data(
    settings: Settings,
    given: Any,
    user: Any,
    request: HttpRequest | None,
    fields: Mapping[str, Any],
) -> Any:
    """Return *given*, the argument of ``services.sign_in``, or else the result of ``SESSION_DATA``.

    Raises ``TypeError`` or ``ValueError`` for an invalid argument. For an invalid result of the
    hook, raises ``ImproperlyConfigured`` if JSON cannot represent its type, and otherwise
    :class:`InvalidRequest`.
    """
    if given is not None or settings.session_data is None:
        return as_data(given)
    returned = call_hook(settings, "session_data", user, request, fields)
    try:
        return as_data(returned)
    except NotStorable as error:
        logger.error("SESSION_DATA returned invalid data: %s", error)
    except TypeError as error:
        raise ImproperlyConfigured(f"SESSION_DATA returned invalid data: {error}") from None
    raise InvalidRequest(_("A session cannot store the data of this request."))


def as_data(data: Any) -> Any:
    """Return *data* as a session stores it: as the value of its JSON text.

    UUIDs, dates and lazy strings become strings, and decimals become numbers, as in
    ``EXTRA_CLAIMS``. Raises ``TypeError`` if JSON cannot represent a type in *data*. Raises
    ``ValueError`` if *data* is too large, nested too deeply, or contains other characters or
    numbers that a database cannot store.
    """
    if data is None:
        return None
    try:
        text = _to_json(data)
    except NotJSON as error:
        raise TypeError(
            f"data must be a JSON value. It contains an object of {error.type_name}."
        ) from None
    if len(text) > MAX_SESSION_DATA:
        raise NotStorable(
            f"data must have at most {MAX_SESSION_DATA} bytes as JSON, not {len(text)}. Store "
            "more data in a table of your own."
        )
    try:
        if _NUL.search(text.decode()):
            raise strict_json.Malformed
        # In a claim or a refresh token, the data is one level deeper.
        return strict_json.loads(b"[%b]" % text)[0]
    except strict_json.Malformed:
        raise _invalid_content() from None


def _to_json(data: Any) -> bytes:
    try:
        text = json.dumps(
            data,
            default=as_json_value,
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
        )
        return text.encode()
    except NotJSON:
        raise
    except TypeError:
        raise TypeError("data must be a JSON value. The keys of a dict must be strings.") from None
    except (ValueError, RecursionError):
        raise _invalid_content() from None


def _invalid_content() -> NotStorable:
    return NotStorable(
        f"data must be nested at most {strict_json.MAX_DEPTH - 1} levels deep, without infinite "
        "numbers, the character NUL, surrogates and duplicate names."
    )
