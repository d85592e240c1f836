"""Client programs with two OAuth libraries, from the metadata and the client credentials."""

from __future__ import annotations

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import LegacyApplicationClient, OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

#: The methods of client authentication, as RFC 8414 names them.
NONE, BASIC, POST = "none", "client_secret_basic", "client_secret_post"


class Authlib:
    """A client with Authlib, which refreshes expired tokens automatically."""

    Error = OAuthError

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

    def sign_in(self, username, password, **parameters):
        url = self.metadata["token_endpoint"]
        return self.session.fetch_token(url, username=username, password=password, **parameters)

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
    """A client with requests-oauthlib."""

    Error = OAuth2Error

    def __init__(self, metadata, method, client_id, secret):
        self.metadata = metadata
        in_body = {"client_id": client_id}
        if secret is not None:
            in_body["client_secret"] = secret
        basic = {"auth": HTTPBasicAuth(client_id, secret)}
        # The arguments of each call follow the documentation of the library.
        self.sign_in_arguments = {"client_secret": secret, "include_client_id": method != BASIC}
        self.refresh_arguments = basic if method == BASIC else in_body
        # The credentials of a refresh before the request.
        self.get_arguments = (
            {"client_id": client_id, "client_secret": secret} if method == BASIC else {}
        )
        self.revoke_arguments = basic if method == BASIC else {}
        self.revoke_body = {} if method == BASIC else in_body
        self.session = OAuth2Session(
            client=LegacyApplicationClient(client_id),
            auto_refresh_url=metadata["token_endpoint"],
            auto_refresh_kwargs={} if method == BASIC else in_body,
            token_updater=lambda token: None,
        )

    def get(self, url):
        return self.session.get(url, **self.get_arguments)

    def sign_in(self, username, password, **parameters):
        return self.session.fetch_token(
            self.metadata["token_endpoint"],
            username=username,
            password=password,
            **self.sign_in_arguments,
            **parameters,
        )

    def refresh(self, refresh_token=None):
        return self.session.refresh_token(
            self.metadata["token_endpoint"], refresh_token=refresh_token, **self.refresh_arguments
        )

    def revoke(self, token, hint):
        url, headers, body = self.session._client.prepare_token_revocation_request(
            self.metadata["revocation_endpoint"], token, hint, **self.revoke_body
        )
        return self.session.post(
            url, data=body, headers=headers, withhold_token=True, **self.revoke_arguments
        )
