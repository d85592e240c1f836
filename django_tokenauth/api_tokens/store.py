"""Find, add, change and revoke API tokens, each in one statement."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.db import router
from django.db.models import Model, Q, QuerySet

from ..sessions.compiled import CompiledGetColumns
from ..sessions.managers import get_by_row, is_plain
from .models import APIToken

_DIGESTS = ("digest", "previous_digest")
_MAX_STATEMENTS = 1024


class APITokenStatus(NamedTuple):
    """The columns of an API token that a request needs, with its user."""

    user: Any
    id: uuid.UUID
    digest: str
    previous_expires_at: datetime | None
    scope: str
    issuer: str
    audience: str
    resource: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    auth_hash: str


def find_status(digest: str) -> APITokenStatus | None:
    """Return the API token whose current or previous hash is *digest*, or ``None``.

    One statement, in the database that Django's routers choose for reads. The user is the object
    that the default manager of the user model returns.
    """
    using, user_model = router.db_for_read(APIToken), get_user_model()
    names = APITokenStatus._fields[1:]
    columns: Any
    if is_plain(user_model._default_manager):
        columns = _status_query(using, user_model, django_settings.USE_TZ).get(digest)
    else:
        relation = "tokenauth_api_tokens"
        row = Q(**{f"{relation}__digest": digest}) | Q(**{f"{relation}__previous_digest": digest})
        columns = get_by_row(using, relation, row, names)
    return None if columns is None else APITokenStatus(*columns)


# See django_tokenauth.sessions.store for the arguments.
@lru_cache(maxsize=_MAX_STATEMENTS)
def _status_query(
    using: str, user_model: type[Model], use_tz: bool
) -> CompiledGetColumns[APIToken]:
    rows = APIToken._default_manager.using(using)
    return CompiledGetColumns(rows, "user", APITokenStatus._fields[1:], names=_DIGESTS)


def add(token: APIToken) -> None:
    """Insert *token*. One statement."""
    token.save(using=router.db_for_write(APIToken), force_insert=True)


def primary() -> QuerySet[APIToken]:
    """Return the API tokens in the database for writes."""
    return APIToken._default_manager.using(router.db_for_write(APIToken))


def active(rows: QuerySet[APIToken], *, now: datetime) -> QuerySet[APIToken]:
    """Return those of *rows* that are neither expired nor revoked, newest first."""
    return rows.filter(revoked_at=None, expires_at__gt=now).order_by("-created_at", "pk")


def rotate(token: APIToken, values: dict[str, Any]) -> bool:
    """Store *values* and return whether they were stored. One statement.

    If *token* was rotated or revoked since it was read, write nothing and return ``False``.
    """
    rows = primary().filter(pk=token.pk, digest=token.digest, revoked_at=None)
    if not rows.update(**values):
        return False
    for name, value in values.items():
        setattr(token, name, value)
    return True


def revoke(rows: QuerySet[APIToken], *, now: datetime) -> int:
    """Revoke *rows* and return how many were not revoked before. One statement."""
    return rows.filter(revoked_at=None).update(revoked_at=now)


def rehash(user_id: Any, old: Collection[str], new: str) -> None:
    """Replace the *old* auth hashes of the user's API tokens by *new*. One statement."""
    primary().filter(user_id=user_id, auth_hash__in=old).update(auth_hash=new)


def ended(before: datetime) -> QuerySet[APIToken]:
    """Return the API tokens that expired or were revoked before *before*."""
    return primary().filter(Q(expires_at__lt=before) | Q(revoked_at__lt=before))


def prune(user_id: Any, before: datetime) -> None:
    """Delete those API tokens of :func:`ended` that are the user's. One statement."""
    ended(before).filter(user_id=user_id).delete()


def prune_all(before: datetime, size: int) -> Iterator[int]:
    """Delete all API tokens of :func:`ended` and yield the number of rows of each batch.

    A batch has at most *size* rows, and takes two statements. The last batch also has the rows that
    were committed during the run.
    """
    rows = ended(before)
    keys = rows.order_by("pk").values_list("pk", flat=True)
    # A limit of a DELETE is not portable, and one parameter per row would be too many.
    while (next_key := keys[size : size + 1].first()) is not None:
        yield _delete(rows.filter(pk__lt=next_key))
    yield _delete(rows)


def _delete(rows: QuerySet[APIToken]) -> int:
    return rows.delete()[1].get(APIToken._meta.label, 0)
