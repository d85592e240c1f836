"""What a token says, as frozen values.

The three-letter names of RFC 7519 stand here and nowhere else: :meth:`Claims.from_payload` reads
them and :meth:`Claims.to_payload` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from ..errors import InvalidToken, TokenErrorCode

#: The claims that have a meaning here; ``EXTRA_CLAIMS`` cannot set them.
REGISTERED = frozenset(
    {"iss", "aud", "sub", "client_id", "iat", "exp", "nbf", "jti", "sid"}
    | {"scope", "auth_time", "amr", "gen"}
)

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*\Z")
# The last second of the year 9999: the end of what databases and languages can tell as a date.
_LAST_SECOND = 253402300799


class FrozenDict(dict[str, Any]):
    """A dict that stays as it is: hashable, and JSON, copy and pickle take it for a dict."""

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("claims cannot be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return type(self), (dict(self),)


_NO_CLAIMS = FrozenDict()


class Claims(NamedTuple):
    """The claims of an access token (RFC 9068 section 2.2). Times are seconds since the epoch.

    ``session_id`` is the ``sid`` (a UUID as text), ``None`` where no session is kept. ``extra`` are
    all other claims, read-only throughout: lists are tuples, objects are dicts that do not change.
    """

    # A frozen dataclass calls a function for each field: to make one takes three times as long, a
    # tenth more for the verification with HS256.

    issuer: str
    audience: tuple[str, ...]
    subject: str
    client_id: str
    issued_at: int
    expires_at: int
    jwt_id: str
    session_id: str | None = None
    scope: frozenset[str] = frozenset()
    auth_time: int | None = None
    amr: tuple[str, ...] = ()
    not_before: int | None = None
    extra: Mapping[str, Any] = _NO_CLAIMS

    @classmethod
    def from_payload(cls, members: Mapping[str, Any]) -> Claims:
        """Read the members of a payload. Raises :class:`InvalidToken` (claims)."""
        extra = _NO_CLAIMS
        if not REGISTERED.issuperset(members):
            extra = FrozenDict(
                {name: _frozen(members[name]) for name in members.keys() - REGISTERED}
            )
        return cls(
            issuer=_text(members.get("iss")),
            audience=_audience(members.get("aud")),
            subject=_text(members.get("sub")),
            client_id=_text(members.get("client_id")),
            issued_at=_time(members.get("iat")),
            expires_at=_time(members.get("exp")),
            jwt_id=_text(members.get("jti")),
            session_id=_session_id(members["sid"]) if "sid" in members else None,
            scope=_scope(members["scope"]) if "scope" in members else frozenset(),
            auth_time=_time(members["auth_time"]) if "auth_time" in members else None,
            amr=_texts(members["amr"]) if "amr" in members else (),
            not_before=_time(members["nbf"]) if "nbf" in members else None,
            extra=extra,
        )

    def to_payload(self) -> dict[str, Any]:
        """The members of the payload, ready for JSON."""
        members: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience[0] if len(self.audience) == 1 else list(self.audience),
            "sub": self.subject,
            "client_id": self.client_id,
            "iat": self.issued_at,
            "exp": self.expires_at,
            "jti": self.jwt_id,
        }
        if self.not_before is not None:
            members["nbf"] = self.not_before
        if self.session_id is not None:
            members["sid"] = self.session_id
        if self.scope:
            members["scope"] = " ".join(sorted(self.scope))
        if self.auth_time is not None:
            members["auth_time"] = self.auth_time
        if self.amr:
            members["amr"] = list(self.amr)
        return {**self.extra, **members}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """What a stateless refresh token must carry, because no row does."""

    auth_time: int
    client_id: str
    scope: frozenset[str]
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshClaims:
    """The claims of a refresh token. ``sign_in`` is set with ``STATELESS_REFRESH`` only."""

    issuer: str
    subject: str
    session_id: str
    generation: int
    issued_at: int
    expires_at: int
    sign_in: SignIn | None = None

    @classmethod
    def from_payload(cls, members: Mapping[str, Any]) -> RefreshClaims:
        """Read the members of a payload. Raises :class:`InvalidToken` (claims, audience)."""
        sign_in = None
        if "auth_time" in members:
            sign_in = SignIn(
                auth_time=_time(members["auth_time"]),
                client_id=_text(members.get("client_id")),
                scope=_scope(members["scope"]) if "scope" in members else frozenset(),
                amr=_texts(members["amr"]) if "amr" in members else (),
            )
        issuer = _text(members.get("iss"))
        # It is for the server that made it and nobody else.
        if members.get("aud") != issuer:
            raise InvalidToken(TokenErrorCode.AUDIENCE)
        return cls(
            issuer=issuer,
            subject=_text(members.get("sub")),
            session_id=_session_id(members.get("sid")),
            generation=_generation(members.get("gen")),
            issued_at=_time(members.get("iat")),
            expires_at=_time(members.get("exp")),
            sign_in=sign_in,
        )

    def to_payload(self) -> dict[str, Any]:
        """The members of the payload, ready for JSON."""
        members: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": self.subject,
            "sid": self.session_id,
            "gen": self.generation,
            "iat": self.issued_at,
            "exp": self.expires_at,
        }
        if self.sign_in is not None:
            members["auth_time"] = self.sign_in.auth_time
            members["client_id"] = self.sign_in.client_id
            if self.sign_in.scope:
                members["scope"] = " ".join(sorted(self.sign_in.scope))
            if self.sign_in.amr:
                members["amr"] = list(self.sign_in.amr)
        return members


def validity(claims: Claims, *, leeway: float, longest: float) -> tuple[float, float]:
    """From when until when ``claims`` are good, the end not included; all in seconds.

    ``longest`` is the longest lifetime that is ever given. Raises :class:`InvalidToken` (claims).
    RFC 7519 section 4.1.4: a token is expired from the second ``exp`` on.
    """
    begin = max(claims.issued_at, claims.not_before or 0)
    # Only a leeway would let one come further that ends before it begins.
    if begin >= claims.expires_at or claims.expires_at - claims.issued_at > longest:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return begin - leeway, claims.expires_at + leeway


def _text(value: object) -> str:
    # isprintable() refuses control characters, NUL and halves of surrogate pairs.
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return tuple(_text(item) for item in value)


def _audience(value: object) -> tuple[str, ...]:
    return _texts(value) if isinstance(value, list) else (_text(value),)


def _time(value: object) -> int:
    # bool is an int to isinstance, and RFC 7519 section 2 wants a number. Fractions are allowed
    # there and refused here: we issue none, and libraries round them differently.
    if type(value) is not int or not 0 <= value <= _LAST_SECOND:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return value


def _generation(value: object) -> int:
    # The one after it must fit into a database too.
    if type(value) is not int or not 1 <= value < 2**63 - 1:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return value


def _session_id(value: object) -> str:
    if not isinstance(value, str) or not _UUID.match(value):
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return value


def _scope(value: object) -> frozenset[str]:
    # RFC 6749 section 3.3: names parted by one blank.
    if not isinstance(value, str) or not _SCOPE.match(value):
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return frozenset(value.split(" "))


def _frozen(value: Any) -> Any:
    """A copy that nobody can change: cached claims are shared by all requests of their token."""
    if isinstance(value, dict):
        return FrozenDict({name: _frozen(item) for name, item in value.items()})
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return value
