"""The log id of a session: a keyed hash that log records contain instead of the session's id.

An attacker with the key of refresh tokens and the id of a session can forge a refresh token of the
session. A copy of the log must not reveal the id of a session.
"""

from __future__ import annotations

import hmac
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence

from ..conf.settings import load
from .database import primary_sessions

#: Number of hexadecimal digits in a log id. With a probability of 0.2 %, a million sessions contain
#: two sessions with the same log id of 48 bits.
LENGTH = 12

_PURPOSE = b"django_tokenauth session in the log"
_LOG_ID = re.compile(rf"[0-9a-f]{{{LENGTH}}}", re.ASCII)


def log_id(session_id: uuid.UUID) -> str:
    """Return the log id of a session: 12 hexadecimal digits.

    A log id is a truncated HMAC-SHA256 of *session_id*, with a key that is derived from
    ``SECRET_KEY`` for log ids only.
    """
    return _log_id(_derive_key(load().secret_keys[0]), session_id)


def parse_log_id(text: str) -> str | None:
    """Return the log id in *text*, in lowercase, or ``None`` if *text* is not a log id."""
    text = text.strip().lower()
    return text if _LOG_ID.fullmatch(text) else None


def search(wanted: str, batch_size: int) -> Iterator[tuple[int, list[uuid.UUID]]]:
    """Find the sessions whose log id with any of the secret keys is *wanted*.

    The secret keys are ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``. One statement reads each batch
    of session ids. After each batch, yield the number of rows read so far and the ids that match.
    """
    keys = [_derive_key(secret) for secret in load().secret_keys]
    read = 0
    for batch in _batches(batch_size):
        read += len(batch)
        yield read, [each for each in batch if wanted in _log_ids(keys, each)]


def _batches(size: int) -> Iterator[Sequence[uuid.UUID]]:
    """Yield the ids of all sessions in batches, in descending order: newest UUIDv7 ids first."""
    rows = primary_sessions().order_by("-pk").values_list("pk", flat=True)
    batch = list(rows[:size])
    while batch:
        yield batch
        batch = list(rows.filter(pk__lt=batch[-1])[:size])


def _log_ids(keys: Iterable[bytes], session_id: uuid.UUID) -> list[str]:
    return [_log_id(key, session_id) for key in keys]


def _log_id(key: bytes, session_id: uuid.UUID) -> str:
    return hmac.digest(key, session_id.bytes, "sha256").hex()[:LENGTH]


def _derive_key(secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE, "sha256")
