"""The examples of ``docs/token-exchange.rst``."""

from __future__ import annotations

import json
import shlex

import pytest
from django.http import Http404
from django.test import RequestFactory
from rest_framework.test import APIRequestFactory

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.services.clients import encode_secret
from tests.support.client import FORM, post
from tests.support.confidential_clients import basic
from tests.support.documents import DOCS, exchanges, sections

BLOCKS = [block for each in sections(DOCS / "token-exchange.rst") for block in each.blocks]
SECRET = "correct battery"
NOTES, REPORTS = "https://notes.example.com", "https://reports.example.com"


def example(file):
    """Run the example of *file* and return the names that it defines."""
    [block] = [each for each in BLOCKS if each.file == file]
    names = {"__name__": "mysite.example"}
    exec(block.text, names)  # noqa: S102
    return names


def test_documented_request_returns_the_documented_response(alice, settings):
    tokenauth = example("mysite/settings.py")["TOKENAUTH"]
    settings.TOKENAUTH = tokenauth
    entry = {**tokenauth["CLIENTS"]["reports"], "secrets": [encode_secret(SECRET)]}
    settings.TOKENAUTH = {**tokenauth, "CLIENTS": {"reports": entry}}
    pair = services.sign_in(alice)
    token = services.refresh(pair.refresh_token, audience=REPORTS).access_token
    [block] = [each for each in BLOCKS if each.language == "console"]
    [(command, documented)] = exchanges(block)
    words = shlex.split(command.replace("$ACCESS", token))
    assert words[words.index("-u") + 1] == "reports:$SECRET"
    body = "&".join(words[place + 1] for place, word in enumerate(words) if word == "-d")
    response = post("token/", body, FORM, Authorization=basic("reports", SECRET)).json()
    expected = json.loads(documented)
    assert [*response] == [*expected]
    assert response == {**expected, "access_token": response["access_token"]}
    claims = services.authenticate_access_token(response["access_token"], audience=NOTES)
    assert claims.acting_clients == ("reports",)


def test_documented_link_downloads_one_file(alice, settings):
    names = example("mysite/files.py")
    settings.TOKENAUTH = {"AUDIENCES": {names["FILES"]: []}}
    token = services.sign_in(alice).access_token
    request = APIRequestFactory().post("/", headers={"Authorization": f"Bearer {token}"})
    names["LinkView"].authentication_classes = [JWTAuthentication]
    url = names["LinkView"].as_view()(request, pk=7).data["url"]
    response = names["download"](RequestFactory().get(url), 7)
    assert response.content == b"File 7 of alice"
    assert response["Referrer-Policy"] == "no-referrer"
    for path, pk in ((url, 8), (f"/?token={token}", 7), ("/", 7)):
        with pytest.raises(Http404):
            names["download"](RequestFactory().get(path), pk)
    services.sign_out_everywhere(alice)
    with pytest.raises(Http404):
        names["download"](RequestFactory().get(url), 7)
