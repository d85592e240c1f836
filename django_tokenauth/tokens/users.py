"""The user of a request whose access token identifies no row of the user table."""

from __future__ import annotations

from collections.abc import Iterable

from .claims import Claims


class TokenUser:
    """A user made from the claims of an access token.

    It is the user of :class:`~django_tokenauth.authentication.StatelessJWTAuthentication`, and of a
    service account that acts as no user of the database.

    ``pk`` and ``id`` are the ``sub`` claim, a string. ``claims`` contains all claims of the access
    token. A ``TokenUser`` is authenticated and active, is not staff, and has none of Django's
    permissions. The scope of the access token defines what the client may do.
    """

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    def __init__(self, claims: Claims) -> None:
        self.claims = claims
        self.pk = self.id = claims.subject

    def __str__(self) -> str:
        return self.pk

    def __repr__(self) -> str:
        return f"<TokenUser: {self.pk}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenUser) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, str]:
        return self.claims.issuer, self.claims.subject

    def get_username(self) -> str:
        return self.pk

    def get_all_permissions(self, obj: object = None) -> set[str]:
        return set()

    get_user_permissions = get_group_permissions = get_all_permissions

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return False

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        return not list(perm_list)

    def has_module_perms(self, module: str) -> bool:
        return False
