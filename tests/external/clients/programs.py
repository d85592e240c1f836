"""A program with each of the libraries: it knows the metadata, and who it is itself."""

from __future__ import annotations

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import LegacyApplicationClient, OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

#: How a client proves itself, as RFC 8414 names it.
NONE, BASIC, POST = "none", "client_secret_basic", "client_secret_post"


class Authlib:
    """authlib. It refreshes by itself when a token has expired."""

    Refused = OAuthError

    def __init__(self, metadata, method, client_id, secret):
        self.metadata = metadata
        self.session = AuthlibSession(
            client_id,
            secret,
            token_endpoint=metadata["token_endpoint"],
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
        )

    def get(self, url):
        return self.session.get(url)

    def sign_in(self, username, password, **more):
        url = self.metadata["token_endpoint"]
        return self.session.fetch_token(url, username=username, password=password, **more)

    def refresh(self, refresh_token=None):
        return self.session.refresh_token(
            self.metadata["token_endpoint"], refresh_token=refresh_token
        )

    def revoke(self, token, hint):
        url = self.metadata["revocation_endpoint"]
        return self.session.revoke_token(url, token=token, token_type_hint=hint)

    def introspect(self, token):
        url = self.metadata["introspection_endpoint"]
        return self.session.introspect_token(url, token=token, token_type_hint="access_token")


class RequestsOAuthlib:
    """requests-oauthlib, which is oauthlib's client over requests."""

    Refused = OAuth2Error

    def __init__(self, metadata, method, client_id, secret):
        self.metadata = metadata
        in_body = {"client_id": client_id}
        if secret is not None:
            in_body["client_secret"] = secret
        basic = {"auth": HTTPBasicAuth(client_id, secret)}
        # As the library's own page has it, for each of its calls.
        self.of_sign_in = {"client_secret": secret, "include_client_id": method != BASIC}
        self.of_refresh = basic if method == BASIC else in_body
        # What it proves itself with, should it have to refresh first.
        self.of_get = {"client_id": client_id, "client_secret": secret} if method == BASIC else {}
        self.of_others = basic if method == BASIC else {}
        self.in_others = {} if method == BASIC else in_body
        self.session = OAuth2Session(
            client=LegacyApplicationClient(client_id),
            auto_refresh_url=metadata["token_endpoint"],
            auto_refresh_kwargs={} if method == BASIC else in_body,
            token_updater=lambda token: None,
        )

    def get(self, url):
        return self.session.get(url, **self.of_get)

    def sign_in(self, username, password, **more):
        return self.session.fetch_token(
            self.metadata["token_endpoint"],
            username=username,
            password=password,
            **self.of_sign_in,
            **more,
        )

    def refresh(self, refresh_token=None):
        return self.session.refresh_token(
            self.metadata["token_endpoint"], refresh_token=refresh_token, **self.of_refresh
        )

    def revoke(self, token, hint):
        url, headers, body = self.session._client.prepare_token_revocation_request(
            self.metadata["revocation_endpoint"], token, hint, **self.in_others
        )
        return self.session.post(
            url, data=body, headers=headers, withhold_token=True, **self.of_others
        )
