"""The claims of tokens as immutable objects.

In ``django_tokenauth.tokens``, only this module uses the three-letter claim names of RFC 7519:
``from_payload`` reads the names and ``to_payload`` writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from ..errors import InvalidToken, TokenErrorCode
from . import claim_values

#: The private claim (RFC 7519 section 4.3) of the tenant. With a constant issuer and audience, a
#: server with several tenants adds the claim to its tokens. Other services ignore the claim.
TENANT_CLAIM = "tokenauth_tenant"

#: The private claim of the grant that issued an access token without a sign-in of a user.
GRANT_CLAIM = "tokenauth_grant"

#: The claims that have a parser in ``PARSERS``. ``EXTRA_CLAIMS`` cannot set a claim in
#: ``REGISTERED``.
REGISTERED = frozenset(
    {"iss", "aud", "sub", "client_id", "iat", "exp", "nbf", "jti", "sid"}
    | {"scope", "auth_time", "amr", "acr", "gen", "act", TENANT_CLAIM, GRANT_CLAIM}
)


class FrozenDict(dict[str, Any]):
    """A read-only, hashable dict.

    ``json``, ``copy`` and ``pickle`` treat a ``FrozenDict`` as a dict.
    """

    def _reject_change(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("Claims are read-only. Copy the dict to change it.")

    __setitem__ = __delitem__ = __ior__ = _reject_change
    clear = pop = popitem = setdefault = update = _reject_change

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return type(self), (dict(self),)


_NO_CLAIMS = FrozenDict()

#: The lifetimes of a :class:`SignIn`, with the same names in a refresh token.
_LIFETIMES = ("access_lifetime", "idle_lifetime", "absolute_lifetime")


class Claims(NamedTuple):
    """The claims of an access token (RFC 9068 section 2.2).

    Times are in seconds since the epoch. ``session_id`` is the ``sid`` claim, a UUID as a string,
    or ``None`` if the token has no stored session. ``extra`` holds the claims that are not in
    ``REGISTERED``. In verified claims, ``extra`` is read-only at every depth: lists become tuples
    and objects become read-only dicts. ``tenant`` is the ``tokenauth_tenant`` claim, which
    identifies the database or the schema of the tenant, or ``None``. ``actor`` is the ``sub`` in
    the ``act`` claim (RFC 8693 section 4.1): the member of the staff who acts as the subject, or
    ``None``. ``acr`` is the authentication context (RFC 9068 section 2.2.1), or ``None``. ``grant``
    is ``"client_credentials"`` for the access token of a service account, ``"token_exchange"`` or
    ``"narrowed"`` for an access token that was made from another one, and otherwise ``None``.
    ``acting_clients`` are the clients in the ``act`` claim: the first one acts now, for the next
    one or the subject.
    """

    # Claims is a named tuple, because creating a frozen dataclass takes three times as long.

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
    tenant: str | None = None
    actor: str | None = None
    acr: str | None = None
    grant: str | None = None
    acting_clients: tuple[str, ...] = ()

    @classmethod
    def from_payload(cls, members: Mapping[str, Any]) -> Claims:
        """Return the claims in the payload *members*.

        Raises :class:`InvalidToken` with the code ``CLAIMS``.
        """
        extra = _NO_CLAIMS
        actor, clients = claim_values.act(members["act"]) if "act" in members else (None, ())
        if not REGISTERED.issuperset(members):
            extra = FrozenDict(
                {name: _freeze(members[name]) for name in members.keys() - REGISTERED}
            )
        return cls(
            issuer=claim_values.string(members.get("iss")),
            audience=claim_values.audience(members.get("aud")),
            subject=claim_values.string(members.get("sub")),
            client_id=claim_values.string(members.get("client_id")),
            issued_at=claim_values.time(members.get("iat")),
            expires_at=claim_values.time(members.get("exp")),
            jwt_id=claim_values.string(members.get("jti")),
            session_id=claim_values.session_id(members["sid"]) if "sid" in members else None,
            scope=claim_values.scope(members["scope"]) if "scope" in members else frozenset(),
            auth_time=claim_values.time(members["auth_time"]) if "auth_time" in members else None,
            amr=claim_values.strings(members["amr"]) if "amr" in members else (),
            not_before=claim_values.time(members["nbf"]) if "nbf" in members else None,
            extra=extra,
            tenant=claim_values.string(members[TENANT_CLAIM]) if TENANT_CLAIM in members else None,
            actor=actor,
            acting_clients=clients,
            acr=claim_values.string(members["acr"]) if "acr" in members else None,
            grant=claim_values.grant(members[GRANT_CLAIM]) if GRANT_CLAIM in members else None,
        )

    def to_payload(self) -> dict[str, Any]:
        """Return the payload as a dict for JSON."""
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
        if self.acr is not None:
            members["acr"] = self.acr
        if self.tenant is not None:
            members[TENANT_CLAIM] = self.tenant
        if self.actor is not None or self.acting_clients:
            members["act"] = claim_values.act_claim(self.actor, self.acting_clients)
        if self.grant is not None:
            members[GRANT_CLAIM] = self.grant
        return {**self.extra, **members}


class APITokenClaims(Claims):
    """The claims of an API token, in the form of an access token's claims.

    ``jwt_id`` is the id of the API token, and ``session_id`` and ``auth_time`` are ``None``.
    """

    # The reader of API tokens sets these attributes, which are not claims: the user that it has
    # read, until services.get_user() returns the user, and the digest of the token.
    _user: Any = None
    _digest: str = ""

    def __getstate__(self) -> dict[str, str]:
        # A pickle may be read much later, and then the user must be read again.
        return {"_digest": self._digest}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """The data of a sign-in that a stateless refresh token contains, because no row stores it.

    ``auth_time`` is in seconds since the epoch. ``amr`` contains authentication methods (RFC 8176).
    ``client_authenticated`` is true if the client was in ``CLIENTS`` at the sign-in or at a
    refresh. The lifetimes are in seconds, or ``None`` for those of the settings. ``data`` is a JSON
    value. ``audiences`` contains the audiences of ``Session.audiences``.
    """

    auth_time: int
    client_id: str
    scope: frozenset[str]
    amr: tuple[str, ...]
    client_authenticated: bool = False
    access_lifetime: int | None = None
    idle_lifetime: int | None = None
    absolute_lifetime: int | None = None
    data: Any = None
    audiences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshClaims:
    """The claims of a refresh token. Times are in seconds since the epoch.

    ``sign_in`` is set with ``STATELESS_REFRESH`` only. ``tenant`` is the ``tokenauth_tenant``
    claim, or ``None``. ``actor`` is the subject of the member of the staff who acts as
    ``subject``, or ``None``.
    """

    issuer: str
    subject: str
    session_id: str
    generation: int
    issued_at: int
    expires_at: int
    sign_in: SignIn | None = None
    tenant: str | None = None
    actor: str | None = None

    @classmethod
    def from_payload(cls, members: Mapping[str, Any]) -> RefreshClaims:
        """Return the claims in the payload *members*.

        Raises :class:`InvalidToken` with the code ``CLAIMS`` or ``AUDIENCE``.
        """
        sign_in = None
        if "auth_time" in members:
            sign_in = SignIn(
                auth_time=claim_values.time(members["auth_time"]),
                client_id=claim_values.string(members.get("client_id")),
                scope=claim_values.scope(members["scope"]) if "scope" in members else frozenset(),
                amr=claim_values.strings(members["amr"]) if "amr" in members else (),
                client_authenticated=members.get("client_authenticated") is True,
                **{
                    name: claim_values.lifetime(members[name])
                    for name in _LIFETIMES
                    if name in members
                },
                data=members.get("data"),
                audiences=claim_values.strings(members["audiences"])
                if "audiences" in members
                else (),
            )
        issuer = claim_values.string(members.get("iss"))
        # The issuer is the only audience of a refresh token.
        if members.get("aud") != issuer:
            raise InvalidToken(TokenErrorCode.AUDIENCE)
        return cls(
            issuer=issuer,
            subject=claim_values.string(members.get("sub")),
            session_id=claim_values.session_id(members.get("sid")),
            generation=claim_values.generation(members.get("gen")),
            issued_at=claim_values.time(members.get("iat")),
            expires_at=claim_values.time(members.get("exp")),
            sign_in=sign_in,
            tenant=claim_values.string(members[TENANT_CLAIM]) if TENANT_CLAIM in members else None,
            actor=claim_values.actor(members["act"]) if "act" in members else None,
        )

    def to_payload(self) -> dict[str, Any]:
        """Return the payload as a dict for JSON."""
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
            if self.sign_in.audiences:
                members["audiences"] = list(self.sign_in.audiences)
            if self.sign_in.client_authenticated:
                members["client_authenticated"] = True
            optional = {name: getattr(self.sign_in, name) for name in (*_LIFETIMES, "data")}
            members |= {name: value for name, value in optional.items() if value is not None}
        if self.tenant is not None:
            members[TENANT_CLAIM] = self.tenant
        if self.actor is not None:
            members["act"] = {"sub": self.actor}
        return members


def validity_period(claims: Claims, *, leeway: float, max_lifetime: float) -> tuple[float, float]:
    """Return the start and the end of the validity of *claims*, in seconds since the epoch.

    *leeway* (seconds) extends the validity at both ends. *max_lifetime* (seconds) is the longest
    lifetime that is accepted. At the end of its validity, a token has expired (RFC 7519 section
    4.1.4). Raises :class:`InvalidToken` with the code ``CLAIMS``.
    """
    begin = max(claims.issued_at, claims.not_before or 0)
    # Reject a token that expires before it becomes valid: otherwise, the leeway could make the
    # token valid.
    if begin >= claims.expires_at or claims.expires_at - claims.issued_at > max_lifetime:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return begin - leeway, claims.expires_at + leeway


#: The parser of each registered claim. Each raises :class:`InvalidToken`.
PARSERS: Mapping[str, Callable[[Any], object]] = {
    "iss": claim_values.string,
    "aud": claim_values.audience,
    "sub": claim_values.string,
    "client_id": claim_values.string,
    "iat": claim_values.time,
    "exp": claim_values.time,
    "nbf": claim_values.time,
    "jti": claim_values.string,
    "sid": claim_values.session_id,
    "scope": claim_values.scope,
    "auth_time": claim_values.time,
    "amr": claim_values.strings,
    "acr": claim_values.string,
    "gen": claim_values.generation,
    TENANT_CLAIM: claim_values.string,
    "act": claim_values.act,
    GRANT_CLAIM: claim_values.grant,
}


def _freeze(value: Any) -> Any:
    """Return a read-only copy of *value*. Requests with the same token share its cached claims."""
    if isinstance(value, dict):
        return FrozenDict({name: _freeze(item) for name, item in value.items()})
    if isinstance(value, list):
        return tuple(_freeze(item) for item in value)
    return value
