"""Independent OAuth client libraries as service accounts of a running server."""

from __future__ import annotations

import jwt
import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.external.clients.programs import BASIC, POST
from tests.support.http_server import serve
from tests.support.service_accounts import SECRET, account, private_jwk, public_jwk

NAME, SCOPE = "statistics", ["statistics"]


@pytest.fixture
def server(settings, transactional_db):
    client = account(jwks=[public_jwk("RS256")])
    with serve() as (host, port):
        url = f"http://{host}:{port}"
        settings.TOKENAUTH = {
            "ISSUER": url,
            "SCOPES": ["notes:read", "statistics"],
            "CLIENTS": {NAME: client},
        }
        yield url


@pytest.fixture
def token_url(server):
    url = f"{server}/.well-known/oauth-authorization-server"
    metadata = requests.get(url, timeout=30).json()
    assert "client_credentials" in metadata["grant_types_supported"]
    assert "private_key_jwt" in metadata["token_endpoint_auth_methods_supported"]
    return metadata["token_endpoint"]


def is_accepted(server, token):
    body = {"token": token["access_token"]}
    return requests.post(f"{server}/auth/token/verify/", json=body, timeout=30).ok


def private_pem():
    key = jwt.get_algorithm_by_name("RS256").from_jwk(private_jwk("RS256"))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class TestRequestsOAuthlib:
    def fetch(self, token_url, secret, **options):
        session = OAuth2Session(client=BackendApplicationClient(NAME, scope=SCOPE))
        if options.pop("in_body"):
            return session.fetch_token(token_url, client_secret=secret, include_client_id=True)
        return session.fetch_token(token_url, auth=HTTPBasicAuth(NAME, secret))

    @pytest.mark.parametrize("in_body", [False, True])
    def test_service_account_gets_a_token(self, server, token_url, in_body):
        token = self.fetch(token_url, SECRET, in_body=in_body)
        assert token["scope"] == SCOPE
        assert "refresh_token" not in token
        assert is_accepted(server, token)

    def test_service_account_with_wrong_secret_is_rejected(self, token_url):
        with pytest.raises(OAuth2Error) as caught:
            self.fetch(token_url, "a guess", in_body=False)
        assert caught.value.error == "invalid_client"


class TestAuthlib:
    def session(self, token_url, method, secret):
        session = AuthlibSession(
            NAME, secret, scope=" ".join(SCOPE), token_endpoint_auth_method=method
        )
        session.register_client_auth_method(PrivateKeyJWT(token_url))
        return session

    @pytest.mark.parametrize("method", [BASIC, POST, "private_key_jwt"])
    def test_service_account_gets_tokens(self, server, token_url, method):
        secret = private_pem() if method == "private_key_jwt" else SECRET
        session = self.session(token_url, method, secret)
        for _ in range(2):
            token = session.fetch_token(token_url, grant_type="client_credentials")
            assert token["scope"] == "statistics"
            assert is_accepted(server, token)

    def test_assertion_of_another_key_is_rejected(self, token_url):
        other = jwt.get_algorithm_by_name("RS256").from_jwk(private_jwk("RS256", number=1))
        pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        session = self.session(token_url, "private_key_jwt", pem)
        with pytest.raises(OAuthError) as caught:
            session.fetch_token(token_url, grant_type="client_credentials")
        assert caught.value.error == "invalid_client"
