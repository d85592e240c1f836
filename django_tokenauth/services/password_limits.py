"""Detect passwords that a hasher of the project cannot hash.

bcrypt reads only the first 72 bytes of a password. Since version 5, the Python package ``bcrypt``
raises ``ValueError`` for a password of more than 72 bytes. Django's hashers other than
``BCryptPasswordHasher`` hash a password of any length.
"""

from __future__ import annotations

from django.contrib.auth.hashers import (
    BasePasswordHasher,
    BCryptSHA256PasswordHasher,
    get_hasher,
    get_hashers,
)
from django.views.decorators.debug import sensitive_variables

_BCRYPT_BYTES = 72
_BCRYPT_FEWEST_ROUNDS = 4
_SHORT = "a"


@sensitive_variables()
def is_too_long(password: str) -> bool:
    """Return whether plain bcrypt hashes new passwords and rejects *password*.

    The result is the same for every user, so a sign-in may reject the password before checking it.
    """
    hasher = get_hasher()
    return (
        _is_plain_bcrypt(hasher)
        and len(password.encode()) > _BCRYPT_BYTES
        and not _can_hash(hasher, password)
    )


@sensitive_variables()
def is_rejected_by_a_hasher(password: str) -> bool:
    """Return whether one of ``PASSWORD_HASHERS`` fails for *password* but not for a short password.

    A hasher that fails for every password has a bug, not a length limit. For a password of more
    than 72 bytes, try the hashers until one fails. Begin with the first hasher, as Django does for
    an unknown user.
    """
    if len(password.encode()) <= _BCRYPT_BYTES:
        return False
    first, *others = get_hashers()
    # Among the other hashers, try plain bcrypt first, because its trial with 4 rounds is fast.
    hashers = [first, *sorted(others, key=_is_plain_bcrypt, reverse=True)]
    return any(not _can_hash(each, password) and _can_hash(each, _SHORT) for each in hashers)


def _is_plain_bcrypt(hasher: BasePasswordHasher) -> bool:
    return isinstance(hasher, BCryptSHA256PasswordHasher) and hasher.digest is None


@sensitive_variables()
def _can_hash(hasher: BasePasswordHasher, password: str) -> bool:
    trial = type(hasher)()
    if isinstance(trial, BCryptSHA256PasswordHasher):
        # The limit of 72 bytes is the same for any number of rounds.
        trial.rounds = _BCRYPT_FEWEST_ROUNDS
    try:
        trial.encode(password, trial.salt())
    except ValueError:
        return False
    return True
