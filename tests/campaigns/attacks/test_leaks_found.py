"""Where a part of the project is careless with a secret, the search for secrets finds it."""

from __future__ import annotations

import logging

import pytest

from django_tokenauth.models import Session
from tests.campaigns.attacks import canary_project
from tests.campaigns.attacks.canaries import collecting
from tests.support.client import post
from tests.support.sample_keys import private_pem


class TestItCanFail:
    @pytest.fixture
    def collected(self, settings, db):
        settings.SECRET_KEY = canary_project.SECRET_KEY
        settings.TOKENAUTH = canary_project.settings_with({"SIGNING_KEY": canary_project.SECRET})
        canary_project.alice()
        with collecting(canary_project.secrets_of([canary_project.SECRET])) as collected:
            yield collected

    @pytest.mark.attack(173)
    def test_a_log_line_with_a_password(self, collected, settings):
        settings.MIDDLEWARE = [f"{__name__}.logs_bodies"]
        canary_project.sign_in(collected)
        assert collected.leaks() == {("log", "password")}

    @pytest.mark.attack(173)
    def test_a_log_line_with_a_piece_of_a_token(self, collected):
        access, _ = canary_project.sign_in(collected)
        logging.getLogger("project").info("last letters: %s", access.rpartition(".")[2])
        assert collected.leaks() == {("log", "token")}

    @pytest.mark.attack(173)
    def test_a_mail_about_an_error_in_a_careless_function(self, collected, settings):
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.CarelessBackend"]
        collected.answer(post("token/", canary_project.WHO))
        assert ("report", "password") in collected.leaks()

    @pytest.mark.attack(173)
    def test_a_name_of_a_device_that_is_a_token(self, collected):
        access, _ = canary_project.sign_in(collected)
        Session.objects.update(device_name=access[:100], user_agent=access.rpartition(".")[2])
        collected.stored()
        assert ("database", "token") in collected.leaks()

    @pytest.mark.attack(174)
    @pytest.mark.parametrize("spelled", [str, str.encode, lambda key: key.encode().hex()])
    def test_a_key_in_an_exception(self, collected, spelled):
        collected.error(ValueError("bad key", spelled(canary_project.SECRET)))
        assert collected.leaks() == {("exception", "SIGNING_KEY")}

    @pytest.mark.attack(174)
    def test_a_line_of_a_pem(self):
        pem = private_pem(canary_project.RSA_KEY).decode()
        assert canary_project.secrets_of([pem]).found_in(pem.splitlines()[7]) == {"SIGNING_KEY"}


def logs_bodies(get_response):
    def middleware(request):
        logging.getLogger("project").debug("asked for %r", request.body)
        return get_response(request)

    return middleware


class CarelessBackend:
    """Of a project that does not mark its variables as sensitive."""

    def authenticate(self, request, username, password):
        guess = password
        raise RuntimeError(len(guess))
