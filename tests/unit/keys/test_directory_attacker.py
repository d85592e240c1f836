"""An attacker can write to the key folder, and does not know ``SECRET_KEY``."""

from __future__ import annotations

import pytest

from django_tokenauth.errors import InvalidToken
from django_tokenauth.keys.rotating import replace_now
from django_tokenauth.keys.sources import build_access_keys, refresh_keys
from django_tokenauth.tokens.access import AccessTokens
from django_tokenauth.tokens.claims import Claims
from django_tokenauth.tokens.refresh import RefreshTokens
from tests.support.key_folder import NOW, Clock, put
from tests.support.raw_tokens import access_members, read_settings, refresh_members


@pytest.fixture
def folder(tmp_path):
    put(tmp_path, "own")
    return tmp_path


def test_key_added_by_attacker_signs_access_tokens(folder):
    clock = Clock(folder)
    put(folder, "planted", nbf=NOW)
    keys = clock.advance()
    assert (keys.signing.kid, set(keys.verifying)) == ("planted", {"own", "planted"})


def test_rotate_now_expires_keys_added_by_attacker(folder):
    clock = Clock(folder)
    put(folder, "planted", nbf=NOW)
    put(folder, "later", nbf=NOW + 10**6)
    clock.advance()
    replacement = replace_now(folder, read_settings(), "EdDSA", now=NOW)
    assert clock.kids() == [replacement.new.key.kid]


def test_key_of_the_key_folder_cannot_sign_refresh_tokens(folder):
    settings = read_settings(KEY_DIRECTORY=folder)
    access = AccessTokens(settings, build_access_keys(settings))
    claims = Claims.from_payload(access_members(iss=settings.issuer, aud=settings.audience))
    refresh = RefreshTokens(settings, refresh_keys(settings))
    members = refresh_members()
    with pytest.raises(InvalidToken):
        refresh.decode(access.encode(claims), now=members["iat"] + 1)
    assert not set(refresh_keys(settings).verifying) & {"own"}


def test_deletion_of_all_key_files_stops_signing_until_a_new_one(folder):
    clock = Clock(folder)
    (folder / "own.jwk").unlink()
    assert clock.advance().signing is None
    put(folder, "new")
    assert clock.advance().signing.kid == "new"


def test_error_for_symlinked_key_file_does_not_show_its_content(folder, caplog, tmp_path):
    clock = Clock(folder)
    (tmp_path / "secret").write_text("swordfish")
    (folder / "link.jwk").symlink_to(tmp_path / "secret")
    assert clock.kids() == ["own"]
    assert "link.jwk is not a JWK" in caplog.text
    assert "swordfish" not in caplog.text
