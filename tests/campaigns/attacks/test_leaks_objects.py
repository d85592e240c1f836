"""No object of the app reveals a secret in its ``repr``, pickle or exception."""

from __future__ import annotations

import copy
import json

import pytest
from django.core.exceptions import ImproperlyConfigured
from rest_framework.test import APIRequestFactory

from django_tokenauth import services
from django_tokenauth.authentication import TokenUser
from django_tokenauth.conf import settings as conf
from django_tokenauth.errors import InvalidGrant, InvalidKey, InvalidToken, OAuthError
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.sources import access_keys, build_access_keys, refresh_keys
from django_tokenauth.models import Session
from django_tokenauth.serializers import (
    RefreshSerializer,
    SessionSerializer,
    SignInSerializer,
    TokenSerializer,
)
from django_tokenauth.tokens.access import access_tokens
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.campaigns.attacks import canary_project
from tests.campaigns.attacks.canaries import Collected
from tests.support.clock import NOW
from tests.support.raw_tokens import base64url

TIMESTAMP = NOW.timestamp()


@pytest.fixture(params=canary_project.KEYS)
def collected(request, settings, time_machine):
    time_machine.move_to(NOW, tick=False)
    values, keys = canary_project.KEYS[request.param]
    settings.SECRET_KEY = canary_project.SECRET_KEY
    settings.TOKENAUTH = canary_project.settings_with(values)
    return Collected(canary_project.secrets_of(keys))


@pytest.fixture
def pair(collected, db):
    pair = services.sign_in(canary_project.create_alice())
    collected.secrets.add_token(pair.access_token)
    collected.secrets.add_token(pair.refresh_token)
    return pair


def caught(action):
    with pytest.raises((OAuthError, InvalidToken)) as error:
        action()
    return error.value


@pytest.mark.promise(24)
@pytest.mark.attack(173)
def test_object_representations_contain_no_secret(collected, pair):
    settings = conf.load()
    claims = access_tokens(settings).decode(pair.access_token, now=TIMESTAMP)
    refresh_claims = refresh_tokens(settings).decode(pair.refresh_token, now=TIMESTAMP)
    request = APIRequestFactory().post("/auth/token/", canary_project.CREDENTIALS)
    request.META["HTTP_AUTHORIZATION"] = f"Bearer {pair.access_token}"
    for value in (
        settings,
        *(settings, conf.read_project(), access_keys(settings), refresh_keys(settings)),
        *access_keys(settings).at(0).verifying.values(),
        *(access_tokens(settings), refresh_tokens(settings), vars(access_tokens(settings))),
        *(pair, [pair], {"pair": pair}),
        *(claims, refresh_claims, TokenUser(claims), vars(TokenUser(claims))),
        *(pair.session, vars(pair.session), Session.objects.all()),
        *(request, services.get_user(claims)),
        SessionSerializer(pair.session, context={"request": request}),
    ):
        collected.add_object(value)
    for value in (claims, refresh_claims, TokenUser(claims), pair.session):
        collected.add_pickle(value)
        collected.add_object(copy.deepcopy(value))
    assert collected.leaks() == set()
    assert "TokenPair(expires_in=300" in collected.text_of("object")


@pytest.mark.attack(173)
def test_serializer_errors_contain_no_secret(collected, pair):
    for kind, data in (
        (SignInSerializer, {"username": 1, "password": canary_project.PASSWORD * 200}),
        (SignInSerializer, {"username": "", "password": [canary_project.PASSWORD]}),
        (RefreshSerializer, {"refresh_token": [pair.refresh_token], "scope": pair.refresh_token}),
        (TokenSerializer, {"token": f"{pair.access_token}\0"}),
    ):
        serializer = kind(data=data)
        assert not serializer.is_valid()
        collected.add_object(serializer.errors)
    assert collected.leaks() == set()


@pytest.mark.attack(173)
def test_token_exceptions_contain_no_part_of_token(collected, pair, settings):
    settings_loaded = conf.load()
    access, token = pair.access_token, pair.refresh_token
    header, payload, signature = access.split(".")
    for rejected in (
        *(token, f"{access}.", f"{access}=", f"{access}\n", f" {access}", access[:-1], access * 9),
        *(f"{header}.{payload}.{signature[::-1]}", f"{header}.{signature}.{payload}"),
        *(f"{payload}.{payload}.{signature}", f"{header[:-2]}.{payload}.{signature}", "\ud800"),
        *(f"{base64url(b'{' + access.encode())}.{payload}.{signature}", [access], access.encode()),
    ):
        for decoder in (access_tokens, refresh_tokens):
            if (rejected, decoder) == (token, refresh_tokens):
                continue
            decode = decoder(settings_loaded).decode
            collected.add_exception(
                caught(lambda decode=decode, rejected=rejected: decode(rejected, now=TIMESTAMP))
            )
        if isinstance(rejected, str) and rejected != token:
            collected.add_exception(caught(lambda rejected=rejected: services.refresh(rejected)))
    for offset in (86400 * 365, -86400):
        collected.add_exception(
            caught(
                lambda offset=offset: access_tokens(conf.load()).decode(
                    access, now=TIMESTAMP + offset
                )
            )
        )
    collected.add_exception(
        caught(lambda: services.check_password(None, "alice", canary_project.GUESS))
    )
    collected.add_exception(caught(lambda: services.refresh(token, client_id="another")))
    collected.add_exception(caught(lambda: services.refresh(token, scope=["unknown"])))
    assert collected.leaks() == set()


def broken_keys(material):
    """Yield ``material`` damaged as by an environment variable or a vault."""
    text = material if isinstance(material, str) else json.dumps(material)
    yield from (text[:-20], text[20:], text.swapcase(), f"{text}\ud800", f"{{{text}", text[::-1])
    yield text.replace("\n", "")
    if isinstance(material, dict):
        yield {**material, "kty": "EC"}
        yield {**material, "n": material["n"][:40]}
        yield {**material, "d": material["d"][::-1]}
        yield {**material, "use": "enc"}
        yield {**material, "alg": material["d"]}
        yield {**material, "kid": material["d"] * 9}
        yield {**material, "p": 5}


@pytest.mark.attack(174)
@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "ES256", "RS256", "EdDSA"])
def test_key_exceptions_contain_no_part_of_key(collected, algorithm):
    """The causes of the exception, such as PyJWT's, contain no part of the key either."""
    values = conf.load()
    material = values.signing_key or canary_project.SECRET
    for broken in (material, *broken_keys(material)):
        collected.secrets.add_key("broken key", broken if isinstance(broken, str) else "-" * 12)
        try:
            load_key(broken, algorithm)
        except InvalidKey as error:
            collected.add_exception(error)
            collected.add("exception", error.hint)
    assert collected.leaks() == set()
    assert collected.text_of("exception")


@pytest.mark.attack(174)
@pytest.mark.parametrize("algorithm", ["HS512", "ES512"])
def test_configuration_errors_contain_no_part_of_key(collected, algorithm, settings):
    derived = "SIGNING_KEY" not in settings.TOKENAUTH
    settings.TOKENAUTH = {**settings.TOKENAUTH, "ALGORITHM": algorithm}
    for load in (build_access_keys, access_keys):
        try:
            load(conf.load())
        except (InvalidKey, ImproperlyConfigured) as error:
            collected.add_exception(error)
    assert collected.leaks() == set()
    # Only a derived key is valid with HS512.
    assert bool(collected.text_of("exception")) is not (derived and algorithm == "HS512")


@pytest.mark.attack(175)
def test_rejected_grants_raise_identical_errors(collected, pair):
    refreshes = [
        caught(lambda: services.refresh(pair.access_token)),
        caught(lambda: services.refresh(f"{pair.refresh_token}x")),
    ]
    sign_ins = [
        caught(lambda: services.check_password(None, "alice", canary_project.GUESS)),
        caught(lambda: services.check_password(None, "unknown", canary_project.PASSWORD)),
    ]
    for errors, text in (
        (refreshes, "The session has ended. Sign in again."),
        (sign_ins, "Wrong username or password."),
    ):
        assert {(type(error), error.args, str(error)) for error in errors} == {
            (InvalidGrant, (text,), "invalid_grant")
        }
