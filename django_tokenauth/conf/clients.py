"""The setting ``CLIENTS``: secrets and keys of clients, and the rights of service accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from . import names, values

if TYPE_CHECKING:
    from .settings import Settings

# The SHA-256 digest of a client secret, as manage.py tokenauth_client prints it.
_SECRET = re.compile(r"sha256\$[0-9a-f]{64}")
_EXPECTED = "a dict of client ids and hashed secrets"
# The members of a JWK that only a private or symmetric key has (RFC 7518 sections 6.2.2, 6.3.2 and
# 6.4).
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An entry of ``CLIENTS``.

    ``secrets`` contains ``sha256$`` values, of which each is accepted. ``keys`` contains the
    client's public keys as JWKs, for ``private_key_jwt``. A client without both is disabled.

    A service account has ``scopes``, which are ``None`` for other clients. ``audiences`` contains
    the audiences of its access tokens, the default first; an empty tuple means ``AUDIENCE``.
    ``user`` is the username of the user that the client acts as, or ``None``.

    ``exchange`` contains the audiences for which the client may exchange access tokens, by the
    audience of the token that it has.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    keys: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    scopes: tuple[str, ...] | None = None
    audiences: tuple[str, ...] = ()
    user: str | None = None
    exchange: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def parse_clients(value: object) -> Mapping[str, Client]:
    """Return the clients by client id. The value of an entry is a ``sha256$`` value, ``None`` for a
    disabled client, or a dict with members of :class:`Client`.

    A hash by one of Django's hashers is rejected: it would slow down each request of the client. A
    truncated or malformed digest is rejected, because no secret could match that digest.
    """
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise values.InvalidSetting(_EXPECTED, 'For example {"reports": "sha256$..."}.')
    for name in value:
        try:
            values.client_id(name)
        except values.InvalidSetting as error:
            raise values.InvalidSetting(_EXPECTED, f"A client id is {error.expected}.") from None
    wrong = [
        str(position)
        for position, entry in enumerate(value.values(), 1)
        if not (entry is None or isinstance(entry, Mapping) or _is_secret(entry))
    ]
    if wrong:
        # The error shows no client id, because the project may have swapped the id and the secret.
        raise values.InvalidSetting(
            _EXPECTED,
            f"The value is wrong in entry {', '.join(wrong)} (of {len(value)}). Run manage.py "
            "tokenauth_client NAME and paste the line that it prints, or give None to shut the "
            "client out. Hashes by Django's hashers (make_password) and plain secrets are "
            "rejected.",
        )
    parsed = {}
    for position, (name, entry) in enumerate(value.items(), 1):
        try:
            parsed[name] = _client(entry)
        except values.InvalidSetting as error:
            hint = f"{error.expected} {error.hint}".strip()
            raise values.InvalidSetting(
                _EXPECTED, f"Entry {position} (of {len(value)}) is wrong. {hint}"
            ) from None
    return MappingProxyType(parsed)


def _is_secret(value: object) -> bool:
    return isinstance(value, str) and _SECRET.fullmatch(value) is not None


def _client(entry: Any) -> Client:
    if not isinstance(entry, Mapping):
        return Client(secrets=() if entry is None else (entry,))
    unknown = [name for name in entry if name not in _MEMBERS]
    if unknown:
        raise values.InvalidSetting(
            f"A dict for a client has no other members than {', '.join(_MEMBERS)}.",
            values.did_you_mean(unknown[0], _MEMBERS),
        )
    parsed = {name: _MEMBERS[name](entry[name]) for name in entry}
    client = Client(keys=parsed.pop("jwks", ()), **parsed)
    if client.scopes is None and (client.audiences or client.user is not None):
        raise values.InvalidSetting(
            "audiences and user are members of a service account, which needs scopes.",
            'For example "scopes": ["notes:read"].',
        )
    return client


def _secrets(value: object) -> tuple[str, ...]:
    if (
        isinstance(value, (str, bytes))
        or not isinstance(value, Sequence)
        or not all(map(_is_secret, value))
    ):
        raise values.InvalidSetting(
            "secrets must be a list of the sha256$ values that manage.py tokenauth_client prints."
        )
    return tuple(value)


def _keys(value: object) -> tuple[Mapping[str, Any], ...]:
    try:
        keys = values.optional_key_set(value)
    except values.InvalidSetting as error:
        raise values.InvalidSetting(f"jwks must be {error.expected}.", error.hint) from None
    if any(_PRIVATE_MEMBERS.intersection(key) for key in keys):
        raise values.InvalidSetting(
            "jwks must contain public keys only. One key is private or symmetric.",
            "Ask the client for its JWK Set, and regard the private key as stolen.",
        )
    return keys


def _scopes(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    try:
        return names.scopes(value)
    except values.InvalidSetting as error:
        raise values.InvalidSetting(f"scopes must be {error.expected}.", error.hint) from None


def _audiences(value: object) -> tuple[str, ...]:
    example = 'For example ["https://api.example.com"].'
    if not isinstance(value, (list, tuple)):
        raise values.InvalidSetting("audiences must be a list of audiences.", example)
    try:
        return tuple(values.string(name) for name in value)
    except values.InvalidSetting as error:
        raise values.InvalidSetting(
            f"Each of the audiences must be {error.expected}.", example
        ) from None


def _user(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and value):
        raise values.InvalidSetting("user must be a username, or None.")
    return value


def _exchange(value: object) -> Mapping[str, tuple[str, ...]]:
    try:
        if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
            return MappingProxyType({name: _audiences(targets) for name, targets in value.items()})
    except values.InvalidSetting:
        pass
    raise values.InvalidSetting(
        "exchange must be a dict of audiences and lists of audiences.",
        'For example {"https://reports.example.com": ["https://notes.example.com"]}.',
    )


#: The parser of each member of a dict.
_MEMBERS: dict[str, Callable[[Any], Any]] = {
    "secrets": _secrets,
    "jwks": _keys,
    "scopes": _scopes,
    "audiences": _audiences,
    "user": _user,
    "exchange": _exchange,
}


def _audiences_of(client: Client) -> tuple[str, ...]:
    exchanged = (name for targets in client.exchange.values() for name in targets)
    return (*client.audiences, *client.exchange, *exchanged)


def unknown_scopes(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield a message and a hint for each client with scopes that ``SCOPES`` does not contain."""
    for position, client in enumerate(settings.clients.values(), 1):
        yield from _unknown(position, "scopes", client.scopes or (), settings.scopes)


def unknown_audiences(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield a message and a hint for each client with audiences that do not exist."""
    audiences = (settings.audience, *settings.audiences)
    for position, client in enumerate(settings.clients.values(), 1):
        yield from _unknown(position, "audiences", _audiences_of(client), audiences)


def _unknown(
    position: int, kind: str, names_: Collection[str], known: Collection[str]
) -> Iterator[tuple[str, str]]:
    unknown, setting = sorted(set(names_).difference(known)), kind.upper()
    if unknown:
        shown = [name for name in unknown if values.can_be_shown(name, known)]
        named = f" It has {', '.join(map(repr, shown))}." if shown else ""
        yield (
            f"Entry {position} of CLIENTS has {kind} that {setting} does not contain.{named}",
            f"{values.did_you_mean(unknown[0], known)} Add them to {setting}.".lstrip(),
        )


#: The checks, each of which yields messages and hints.
CHECKS = (unknown_scopes, unknown_audiences)
