"""No API token appears in anything that the app writes, shows or stores."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.core.serializers import serialize
from django.test.utils import override_settings

from django_tokenauth import services as core
from django_tokenauth.api_tokens import services
from django_tokenauth.api_tokens.models import APIToken
from django_tokenauth.api_tokens.serializers import APITokenSerializer
from tests.campaigns.attacks import canary_project
from tests.campaigns.attacks.canaries import collecting
from tests.support.api_tokens import LIST, send
from tests.support.client import get, post
from tests.support.clock import NOW, after


class BrokenRouter:
    """A router with a defect, which raises an error deep inside a request."""

    def db_for_read(self, model, **hints):
        if model is APIToken:
            raise RuntimeError("broken")

    db_for_write = db_for_read


@pytest.fixture
def collected(settings, time_machine, db):
    time_machine.move_to(NOW, tick=False)
    settings.SECRET_KEY = canary_project.SECRET_KEY
    settings.TOKENAUTH = canary_project.settings_with({})
    canary_project.create_alice()
    with collecting(canary_project.secrets_of([])) as collected:
        yield collected


def register(collected, token):
    """Add the token and its random part. The prefix and the last characters are public."""
    collected.secrets.add("token", token)
    collected.secrets.add("token", token.partition("_")[2])
    collected.secrets.add("token", token.partition("_")[2][:-4])
    return token


def created(collected, access, **body):
    response = send("POST", LIST, access, {"name": "nightly", **body})
    assert response.status_code == HTTPStatus.CREATED
    collected.add_response(response, is_secret=True)
    return register(collected, response.json()["token"]), response.json()["id"]


@pytest.mark.attack(221)
class TestAPITokenLeaks:
    def test_successful_requests_leak_no_api_token(self, collected):
        access, _ = canary_project.sign_in(collected)
        token, key = created(collected, access, scope="notes:read")
        response = send("POST", f"{LIST}{key}/rotate/", access, {})
        collected.add_response(response, is_secret=True)
        new = register(collected, response.json()["token"])
        for each in (token, new):
            assert collected.add_response(get("/who/", each)).status_code == HTTPStatus.OK
            collected.add_response(post("token/verify/", {"token": each}))
            collected.add_response(post("token/introspect/", {"token": each}))
            collected.add_response(get("/auth/token/forward-auth/", each))
        collected.add_response(get(LIST, access))
        collected.add_response(send("PATCH", f"{LIST}{key}/", access, {"name": "hourly"}))
        collected.add_response(send("DELETE", f"{LIST}{key}/", access))
        collected.add("database", serialize("json", APIToken.objects.all()))
        collected.add("database", *map(vars, APIToken.objects.all()))
        collected.add_stored()
        assert collected.leaks() == set()
        for place in ("response", "log", "statement", "database"):
            assert collected.text_of(place)

    def test_rejected_requests_leak_no_api_token(self, collected, time_machine):
        access, _ = canary_project.sign_in(collected)
        token, key = created(collected, access)
        wrong = register(collected, token[::-1].replace("_", "") + "_")
        for each in (token, token[:-1], f"{token}x", f"tokenauth_{wrong}"):
            collected.add_response(get("/who/stateless/", each))
            collected.add_response(get("/auth/sessions/", each))
            collected.add_response(get(LIST, each))
            collected.add_response(post("token/refresh/", {"refresh_token": each}))
            collected.add_response(post("token/revoke/", {"token": each}))
            collected.add_response(post("token/verify/", {"token": [each]}))
            for name in ("name", "scope", "expires_at"):
                collected.add_response(send("POST", LIST, access, {name: [each]}))
            collected.add_response(send("POST", f"{LIST}{key}/rotate/", access, {"overlap": each}))
        time_machine.move_to(after(days=365), tick=False)
        collected.add_response(get("/who/", token))
        assert collected.leaks() == set()
        assert "access token rejected: api_token" in collected.text_of("log")
        assert "access token rejected: expired" in collected.text_of("log")

    def test_error_reports_leak_no_api_token(self, collected, settings):
        access, _ = canary_project.sign_in(collected)
        token, key = created(collected, access)
        path = f"{LIST}{key}/"
        with override_settings(DATABASE_ROUTERS=[BrokenRouter()]):
            for response in (
                get("/who/", token),
                post("token/verify/", {"token": token}),
                send("POST", LIST, access, {"name": "x"}),
                send("POST", f"{path}rotate/", access, {}),
                send("DELETE", path, access),
            ):
                status = collected.add_response(response).status_code
                assert status == HTTPStatus.INTERNAL_SERVER_ERROR
        settings.TOKENAUTH = {**settings.TOKENAUTH, "SCOPE_POLICY": lambda *arguments: 1 / 0}
        collected.add_response(get("/who/", token))
        collected.add_response(send("POST", LIST, access, {"name": "x"}))
        settings.TOKENAUTH = {"LEEWAY": "wrong"}
        collected.add_response(get("/who/", token))
        assert collected.leaks() == set()
        assert collected.text_of("report").count("RuntimeError") > 4
        assert "ZeroDivisionError" in collected.text_of("report")

    def test_admin_pages_leak_no_api_token(self, collected, admin_client):
        access, _ = canary_project.sign_in(collected)
        _, key = created(collected, access)
        pages = "/admin/tokenauth_api_tokens/apitoken/"
        admin_client.post(pages, {"action": "revoke_api_tokens", "_selected_action": [key]})
        paths = (pages, f"{pages}?q=nightly", f"{pages}{key}/change/", f"{pages}{key}/history/")
        for path in (*paths, f"{pages}{key}/delete/"):
            response = admin_client.get(path)
            assert response.status_code == HTTPStatus.OK
            collected.add("admin", response.content.decode(), repr(response.context))
        assert collected.leaks() == set()
        assert "nightly" in collected.text_of("admin")

    def test_objects_show_no_api_token(self, collected, django_user_model):
        alice = django_user_model.objects.get()
        issued = services.create(alice, name="nightly")
        register(collected, issued.token)
        claims = core.authenticate_token(issued.token)
        row = APITokenSerializer(issued.api_token)
        for value in (issued, issued.api_token, claims, row, row.data, vars(issued.api_token)):
            collected.add_object(value)
        collected.add_pickle(claims)
        collected.add_pickle(issued.api_token)
        assert collected.leaks() == set()
        assert "nightly" in collected.text_of("object")
