"""The examples of ``docs/service-accounts.rst``."""

from __future__ import annotations

import json
import shlex
from types import SimpleNamespace

from django_tokenauth import services
from django_tokenauth.authentication import TokenUser
from django_tokenauth.services.clients import encode_secret
from tests.support.client import FORM, post
from tests.support.confidential_clients import basic
from tests.support.documents import DOCS, exchanges, sections

BLOCKS = [block for each in sections(DOCS / "service-accounts.rst") for block in each.blocks]
SECRET = "correct battery"


def example(file):
    """Run the example of *file* and return the names that it defines."""
    [block] = [each for each in BLOCKS if each.file == file]
    names = {"__name__": "mysite.example"}
    exec(block.text, names)  # noqa: S102
    return names


def test_documented_request_returns_the_documented_response(settings):
    tokenauth = example("mysite/settings.py")["TOKENAUTH"]
    [(client_id, entry)] = tokenauth["CLIENTS"].items()
    settings.TOKENAUTH = tokenauth
    claims = services.issue_client_token(client_id)
    assert claims.scope == {"statistics:read"}
    settings.TOKENAUTH = {
        **tokenauth,
        "CLIENTS": {client_id: {**entry, "secrets": [encode_secret(SECRET)]}},
    }
    [block] = [each for each in BLOCKS if each.language == "console"]
    [(command, documented)] = exchanges(block)
    words = shlex.split(command)
    assert words[words.index("-u") + 1] == f"{client_id}:$SECRET"
    body = "&".join(words[place + 1] for place, word in enumerate(words) if word == "-d")
    response = post("token/", body, FORM, Authorization=basic(client_id, SECRET))
    expected = json.loads(documented)
    assert response.json() == {**expected, "access_token": response.json()["access_token"]}
    assert [*response.json()] == [*expected]


def test_documented_client_authenticates_by_its_key(settings, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    example("client/new_key.py")
    jwks = {"keys": [json.loads(capsys.readouterr().out)]}
    issuer = "https://auth.example.com"
    settings.TOKENAUTH = {
        "ISSUER": issuer,
        "SCOPES": ["statistics:read"],
        "CLIENTS": {"statistics": {"jwks": jwks, "scopes": ["statistics:read"]}},
    }
    request = example("client/assertions.py")["token_request"]
    for _ in range(2):
        response = post("token/", request("statistics", issuer))
        assert response.json()["scope"] == "statistics:read"


def test_documented_permission_denies_service_accounts(alice, settings):
    settings.TOKENAUTH = example("mysite/settings.py")["TOKENAUTH"]
    permission = example("mysite/permissions.py")["IsUser"]()
    issued = services.issue_client_token("service/statistics")
    user = services.get_user(services.authenticate_access_token(issued.access_token))
    assert isinstance(user, TokenUser)
    requests = [SimpleNamespace(user=each) for each in (user, alice)]
    assert [permission.has_permission(each, None) for each in requests] == [False, True]
