"""The search for secrets detects each kind of leak."""

from __future__ import annotations

import logging

import pytest

from django_tokenauth.models import Session
from tests.campaigns.attacks import canary_project
from tests.campaigns.attacks.canaries import collecting
from tests.support.client import post
from tests.support.sample_keys import private_pem


class TestLeakDetection:
    @pytest.fixture
    def collected(self, settings, db):
        settings.SECRET_KEY = canary_project.SECRET_KEY
        settings.TOKENAUTH = canary_project.settings_with({"SIGNING_KEY": canary_project.SECRET})
        canary_project.create_alice()
        with collecting(canary_project.secrets_of([canary_project.SECRET])) as collected:
            yield collected

    @pytest.mark.attack(173)
    def test_leak_search_finds_a_logged_password(self, collected, settings):
        settings.MIDDLEWARE = [f"{__name__}.body_logging_middleware"]
        canary_project.sign_in(collected)
        assert collected.leaks() == {("log", "password")}

    @pytest.mark.attack(173)
    def test_leak_search_finds_a_logged_part_of_a_token(self, collected):
        access, _ = canary_project.sign_in(collected)
        logging.getLogger("project").info("token ends with %s", access.rpartition(".")[2])
        assert collected.leaks() == {("log", "token")}

    @pytest.mark.attack(173)
    def test_leak_search_finds_a_password_in_an_error_report(self, collected, settings):
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.CarelessBackend"]
        collected.add_response(post("token/", canary_project.CREDENTIALS))
        assert ("report", "password") in collected.leaks()

    @pytest.mark.attack(173)
    def test_leak_search_finds_a_token_in_a_device_name(self, collected):
        access, _ = canary_project.sign_in(collected)
        Session.objects.update(device_name=access[:100], user_agent=access.rpartition(".")[2])
        collected.add_stored()
        assert ("database", "token") in collected.leaks()

    @pytest.mark.attack(174)
    @pytest.mark.parametrize(
        "encode",
        [str, str.encode, lambda key: key.encode().hex()],
        ids=["string", "bytes", "hex"],
    )
    def test_leak_search_finds_a_key_in_an_exception(self, collected, encode):
        collected.add_exception(ValueError("bad key", encode(canary_project.SECRET)))
        assert collected.leaks() == {("exception", "SIGNING_KEY")}

    @pytest.mark.attack(174)
    def test_leak_search_finds_one_line_of_a_pem_key(self):
        pem = private_pem(canary_project.RSA_KEY).decode()
        assert canary_project.secrets_of([pem]).names_in(pem.splitlines()[7]) == {"SIGNING_KEY"}


def body_logging_middleware(get_response):
    def middleware(request):
        logging.getLogger("project").debug("request body: %r", request.body)
        return get_response(request)

    return middleware


class CarelessBackend:
    """A backend that does not mark its variables as sensitive."""

    def authenticate(self, request, username, password):
        guess = password
        raise RuntimeError(len(guess))
