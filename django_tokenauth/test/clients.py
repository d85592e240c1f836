"""Test clients and request factories that send a real access token."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from asgiref.sync import sync_to_async
from django.apps import apps
from django.http import HttpRequest
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from rest_framework.test import APIClient, APIRequestFactory

from .. import services
from ..conf.per_request import load_for
from ..conf.settings import load
from ..errors import InvalidScope, OAuthError
from ..http.authenticators import project_header
from ..models import RevokedReason
from ..services.issuing import TokenPair
from ..services.signing_in import WRONG_PASSWORD
from ..sessions.database import primary_sessions
from .isolation import forget_revoked_sessions


def start_session(user: Any, scope: str | Collection[str] | None, **options: Any) -> TokenPair:
    """Call ``services.sign_in``, and add the reason of an error as a note of the exception.

    *scope* may be one string of names with spaces between them.
    """
    names = scope.split() if isinstance(scope, str) else scope
    try:
        return services.sign_in(user, scope=names, **options)
    except OAuthError as error:
        if isinstance(error, InvalidScope):
            error.add_note(
                f"The test requested the scope {' '.join(names or ())!r}, and SCOPES of TOKENAUTH "
                f"is {' '.join(load().scopes)!r}. SCOPE_POLICY may grant fewer names."
            )
        elif error.description is WRONG_PASSWORD:
            error.add_note(
                "The stored user is inactive, was deleted or has another password than the "
                "argument. Read the user again after a change, for example with refresh_from_db()."
            )
        else:
            error.add_note(str(error.description))
        raise


def request_of(factory: Any, path: str = "/", **options: Any) -> HttpRequest | None:
    """Return a request of *factory* for ``ISSUER`` and ``AUDIENCE`` if one of them is a function.

    *options* are those of a request, such as ``headers``. Return ``None`` if both are constants, or
    if the functions cannot use the request, for example because a middleware sets its tenant.
    """
    if not load().by_request:
        return None
    is_async = isinstance(factory, AsyncRequestFactory)
    plain: Any = AsyncRequestFactory() if is_async else RequestFactory()
    request: HttpRequest = plain.generic("GET", path, **{**factory.defaults, **options})
    try:
        load_for(request)
    except Exception:  # noqa: BLE001
        return None
    return request


class SignInMixin:
    """Sign-in and sign-out for a test client or a request factory of Django or REST framework.

    Put the mixin before the client class: ``class OwnClient(SignInMixin, BaseClient)``. The token
    is a default header of later requests. A header of a single request replaces the token.
    """

    #: The header that carries the token as ``Bearer TOKEN``. ``None`` means the header of the first
    #: class of this package in ``DEFAULT_AUTHENTICATION_CLASSES``.
    authorization_header: str | None = None

    defaults: Any
    _pair: TokenPair | None = None

    def sign_in(
        self,
        user: Any,
        scope: str | Collection[str] | None = None,
        *,
        client_id: str = "",
        **options: Any,
    ) -> TokenPair:
        """Start a session for *user* without a password, and send its access token from now on.

        *scope* contains the requested scope names, as a collection or as one string with spaces;
        ``None`` requests every scope that the user may have. *client_id* and *options* are
        arguments of :func:`django_tokenauth.services.sign_in`. If ``ISSUER`` or ``AUDIENCE`` is a
        function, *request* defaults to a request of this client, with its default headers. Returns
        the tokens. Raises the errors of ``services.sign_in``, such as ``InvalidScope``.
        """
        options.setdefault("request", request_of(self))
        pair = start_session(user, scope, client_id=client_id, **options)
        self.use_token(pair.access_token)
        self._pair = pair
        return pair

    def sign_out(self) -> None:
        """Revoke the session of the last :meth:`sign_in`, and send no token any more.

        Views with :class:`~django_tokenauth.authentication.StatelessJWTAuthentication` reject the
        tokens at once. With ``STATELESS_REFRESH``, the tokens stay valid until they expire.
        """
        pair, self._pair = self._pair, None
        self.use_token(None)
        if pair is not None and pair.session is not None:
            rows = primary_sessions().filter(pk=pair.session.pk)
            services.revoke_sessions(rows, RevokedReason.SIGNED_OUT)
            forget_revoked_sessions()

    async def asign_in(
        self,
        user: Any,
        scope: str | Collection[str] | None = None,
        *,
        client_id: str = "",
        **options: Any,
    ) -> TokenPair:
        """Call :meth:`sign_in` from an asynchronous test."""
        return await sync_to_async(self.sign_in)(user, scope, client_id=client_id, **options)

    async def asign_out(self) -> None:
        """Call :meth:`sign_out` from an asynchronous test."""
        await sync_to_async(self.sign_out)()

    def use_token(self, token: str | None) -> None:
        """Send *token*, a string, with later requests, or no token if *token* is ``None``."""
        factory: Any = self
        header = self.authorization_header or project_header()
        name = header.upper().replace("-", "_")
        # An asynchronous factory names its headers without the prefix of WSGI.
        if not isinstance(factory, AsyncRequestFactory):
            name = f"HTTP_{name}"
        if token is None:
            self.defaults.pop(name, None)
        else:
            self.defaults[name] = f"Bearer {token}"


def _has_sessions() -> bool:
    # Without the app, the logout of Django would fail, because it reads the model of the app.
    return apps.is_installed("django.contrib.sessions")


class DjangoTokenClient(SignInMixin, Client):
    """Django's ``Client`` with :meth:`~SignInMixin.sign_in`."""

    def logout(self) -> None:
        """Send no token any more, and end the Django session. The token stays valid."""
        self.use_token(None)
        if _has_sessions():
            super().logout()
        else:
            self.cookies.clear()

    async def alogout(self) -> None:
        """Call :meth:`logout` from an asynchronous test."""
        self.use_token(None)
        if _has_sessions():
            await super().alogout()
        else:
            self.cookies.clear()


class TokenClient(DjangoTokenClient, APIClient):
    """REST framework's ``APIClient`` with :meth:`~SignInMixin.sign_in`.

    The last call of ``sign_in()``, ``use_token()``, ``credentials()`` or ``force_authenticate()``
    decides how requests are authenticated.
    """

    handler: Any

    def use_token(self, token: str | None) -> None:
        # REST framework prefers both to the headers of the request.
        self.handler._force_user = self.handler._force_token = None
        self._credentials: dict[str, Any] = {}
        super().use_token(token)

    def credentials(self, **kwargs: Any) -> None:
        """Send these headers with later requests, in place of the token."""
        self.use_token(None)
        super().credentials(**kwargs)


class AsyncTokenClient(SignInMixin, AsyncClient):
    """Django's ``AsyncClient`` with :meth:`~SignInMixin.asign_in`."""

    def logout(self) -> None:
        """Send no token any more, and end the Django session. The token stays valid."""
        self.use_token(None)
        if _has_sessions():
            super().logout()
        else:
            self.cookies.clear()

    async def alogout(self) -> None:
        """Call :meth:`logout` from an asynchronous test."""
        self.use_token(None)
        if _has_sessions():
            await super().alogout()
        else:
            self.cookies.clear()


class TokenRequestFactory(SignInMixin, APIRequestFactory):
    """REST framework's ``APIRequestFactory`` with :meth:`~SignInMixin.sign_in`."""


class DjangoTokenRequestFactory(SignInMixin, RequestFactory):
    """Django's ``RequestFactory`` with :meth:`~SignInMixin.sign_in`."""


class AsyncTokenRequestFactory(SignInMixin, AsyncRequestFactory):
    """Django's ``AsyncRequestFactory`` with :meth:`~SignInMixin.asign_in`."""
