"""docs/keys.rst: the commands print the documented lines, and the settings work."""

from __future__ import annotations

import json
import shlex
import subprocess
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.core.management import call_command
from django.test import override_settings
from django.urls import resolve

from django_tokenauth import errors
from django_tokenauth.conf import settings as conf
from django_tokenauth.conf.settings import load
from django_tokenauth.http import discovery
from django_tokenauth.keys.directory import POLL_INTERVAL
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.rotating import MARGIN
from django_tokenauth.keys.sources import access_keys, build_access_keys
from django_tokenauth.tokens.access import AccessTokens
from django_tokenauth.tokens.claims import Claims
from tests.meta.docs_key_commands import ShownKeys
from tests.support import skips
from tests.support.documents import DOCS, exchanges, literal, section, sections

PAGE = DOCS / "keys.rst"
FOLDER = "/srv/mysite/keys"
COMMAND = "python manage.py tokenauth_keys "
# The times at which each command of the page runs.
TIMES = {
    "generate": ["2026-03-02 09:00:00"],
    "list": ["2026-03-02 09:00:00", "2026-06-01 09:00:00", "2026-06-01 09:12:00"],
    "rotate": ["2026-06-01 09:00:00", "2026-12-01 09:00:00"],
    "rotate --algorithm ES256 --delay 86400": ["2026-09-01 09:00:00"],
    "generate --print": ["2026-03-02 09:00:00"],
    "rotate --print --delay 3600": ["2026-06-01 09:00:00"],
    "rotate --now": ["2026-09-10 09:00:00"],
    "retire b4kQm": ["2026-12-01 09:00:00"],
    "publish": ["2026-12-01 09:00:00"],
}
COMMANDS = [
    exchange
    for found in sections(PAGE)
    for block in found.blocks
    if block.language == "console"
    for exchange in exchanges(block)
]
KEY_COMMANDS = [exchange for exchange in COMMANDS if exchange[0].startswith(COMMAND)]
SETTINGS = [
    block
    for found in sections(PAGE)
    for block in found.blocks
    if block.file == "mysite/settings.py"
]


def tokenauth(block, folder=None):
    """Return the settings of a block for a project in ``folder``."""
    names = {"__name__": "mysite.settings", "BASE_DIR": folder}
    exec(block.text, names)  # noqa: S102
    return names["TOKENAUTH"]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "keys"


def run(command, moment, folder, names, capsys):
    arguments = [names.beginning(word) for word in shlex.split(command.removeprefix(COMMAND))]
    with time_machine.travel(f"{moment}Z", tick=False):
        call_command("tokenauth_keys", *arguments)
    return capsys.readouterr().out.replace(str(folder), FOLDER).strip()


def test_keys_page_commands_print_the_documented_lines(folder, capsys):
    settings = tokenauth(SETTINGS[0])
    assert settings["KEY_DIRECTORY"] == FOLDER
    names, moments = ShownKeys(), {command: iter(times) for command, times in TIMES.items()}
    with override_settings(TOKENAUTH=settings | {"KEY_DIRECTORY": str(folder)}):
        for command, shown in KEY_COMMANDS:
            moment = next(moments[command.removeprefix(COMMAND)])
            printed = run(command, moment, folder, names, capsys)
            assert names.learn(shown, printed), (command, shown, printed)
    assert [list(left) for left in moments.values()] == [[]] * len(TIMES)


def test_documented_settings_sign_with_the_printed_keys(folder, capsys, monkeypatch, settings):
    printed = []
    for command, _ in KEY_COMMANDS:
        if "--print" in command:
            [moment] = TIMES[command.removeprefix(COMMAND)]
            printed.append(json.loads(run(command, moment, folder, ShownKeys(), capsys)))
    monkeypatch.setenv("MYSITE_KEYS", json.dumps({"keys": printed}))
    settings.TOKENAUTH = tokenauth(SETTINGS[1])
    first, following = printed
    keys = access_keys(load())
    assert keys.at(following["nbf"] - 1).signing.kid == first["kid"]
    assert keys.at(following["nbf"]).signing.kid == following["kid"]


def test_documented_jwks_route_has_the_well_known_path():
    [block] = (block for block in section(PAGE, "Publish").blocks if block.file == "mysite/urls.py")
    names = {"urlpatterns": []}
    exec(block.text, names)  # noqa: S102
    assert resolve("/.well-known/jwks.json", tuple(names["urlpatterns"])).func is discovery.jwks


def test_keys_page_has_only_tokenauth_keys_and_openssl_commands():
    others = [command for command, _ in COMMANDS if not command.startswith(COMMAND)]
    assert {command.split()[0] for command in others} == {"openssl"}


def seconds(clock):
    hours, minutes, rest = map(int, clock.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=rest)


def test_documented_rotation_timeline_matches_the_settings(settings):
    [[_, *rows]] = section(PAGE, "Rotate").tables
    *times, _ = [row[0] for row in rows]
    start, known, seen, signs, last, end = map(seconds, times)
    settings.TOKENAUTH = {}
    used, margin = load(), timedelta(seconds=MARGIN)
    assert known - start == timedelta(seconds=2 * POLL_INTERVAL)
    assert seen - known == used.jwks_max_age
    assert signs - start == used.jwks_max_age + margin
    assert last - signs == used.access_token_lifetime
    assert end - last == margin + used.leeway


@pytest.mark.parametrize(
    ("algorithm", "characters"),
    [(literal(row[0]), int(row[1])) for row in section(PAGE, "Choose").tables[0][1:]],
)
def test_token_has_the_documented_length(algorithm, characters):
    jwk = make_jwk(algorithm, now=0, not_before=0)
    settings, problems = conf.read({"KEYS": [jwk]}, (b"x" * 50,))
    assert problems == []
    claims = CLAIMS._replace(
        audience=("https://api.example.com",),
        subject="123456",
        issued_at=1893499200,
        expires_at=1893499500,
        auth_time=1893499200,
        jwt_id=uuid4().hex,
        session_id=str(uuid4()),
        scope=frozenset({"notes:read", "notes:write"}),
        amr=("pwd",),
    )
    token = AccessTokens(settings, build_access_keys(settings)).encode(claims)
    assert len(token) == characters


def write_keys(folder, private, public):
    """Write the keys of the two openssl commands. Older versions of openssl lack Ed25519."""
    key = Ed25519PrivateKey.generate()
    (folder / private).write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (folder / public).write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


CLAIMS = Claims(
    issuer="https://auth.example.com",
    audience=("https://auth.example.com",),
    subject="1",
    client_id="phone",
    issued_at=1000,
    expires_at=1300,
    jwt_id="a",
)


def tokens(block, folder):
    """Return the access tokens of a settings block with keys in ``folder``."""
    settings, problems = conf.read(tokenauth(block, folder), (b"x" * 50,))
    assert problems == []
    return AccessTokens(settings, build_access_keys(settings))


class TestKeysInSettings:
    signing, rotated = SETTINGS[-2:]

    def test_new_key_signs_and_old_key_still_verifies(self, tmp_path):
        write_keys(tmp_path, "signing.pem", "verifying.pem")
        write_keys(tmp_path, "signing-2.pem", "verifying-2.pem")
        before, after = (tokens(block, tmp_path) for block in (self.signing, self.rotated))
        for made, read in ((before, after), (after, after)):
            assert read.decode(made.encode(CLAIMS), now=1001) == CLAIMS
        with pytest.raises(errors.InvalidToken):
            before.decode(after.encode(CLAIMS), now=1001)

    def test_keys_of_openssl_sign_and_verify(self, tmp_path):
        lines = [command.split() for command, _ in COMMANDS if command.startswith("openssl ")]
        assert len(lines) == 2
        try:
            for words in lines:
                subprocess.run(  # noqa: S603
                    words, check=True, cwd=tmp_path, capture_output=True
                )
        except (OSError, subprocess.CalledProcessError):
            if skips.in_ci():
                raise
            skips.note(what := "the openssl commands of the docs (openssl lacks Ed25519)")
            pytest.skip(what)
        pair = tokens(self.signing, tmp_path)
        assert pair.decode(pair.encode(CLAIMS), now=1001) == CLAIMS
