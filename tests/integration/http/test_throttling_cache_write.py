"""An attacker can write to the cache of the throttle."""

from __future__ import annotations

import io
import pickle
import time
import zlib
from pathlib import Path

import pytest
from django.core.cache.backends.filebased import FileBasedCache

from tests.support.client import get, post, sign_in

ALICE = {"username": "alice", "password": "correct horse"}
WRONG = {"username": "alice", "password": "wrong"}


class Code:
    """A pickle that creates a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def entries(settings, tmp_path):
    """Return a function that returns the files of the cache, one for each counter."""
    folder = tmp_path / "cache"
    settings.CACHES = {
        **settings.CACHES,
        "files": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(folder),
        },
    }
    settings.TOKENAUTH = {
        "THROTTLE_CACHE": "files",
        "SIGN_IN_RATE_USER": "3/hour",
        "SIGN_IN_RATE_IP": "5/hour",
    }
    return lambda: sorted(folder.glob(f"*{FileBasedCache.cache_suffix}"))


def write(paths, value):
    for path in paths:
        expires = pickle.dumps(time.time() + 3600)
        path.write_bytes(expires + zlib.compress(pickle.dumps(value)))


@pytest.mark.django_db
class TestCacheWrite:
    def test_throttle_counters_reset_in_the_cache_allow_new_guesses(self, alice, entries):
        for _ in range(3):
            assert [post("token/", WRONG).status_code for _ in range(3)] == [400] * 3
            write(entries(), 0)
        assert [post("token/", WRONG).status_code for _ in range(4)][-1] == 429

    @pytest.mark.parametrize("value", [10**6, 2**70])
    def test_throttle_counters_raised_in_cache_block_only_sign_ins(self, alice, entries, value):
        tokens = sign_in()
        assert post("token/", WRONG).status_code == 400
        write(entries(), value)
        assert post("token/", ALICE).status_code == 429
        assert get("/who/", tokens["access_token"]).status_code == 200
        assert post("token/refresh/", tokens).status_code == 200

    @pytest.mark.parametrize("value", ["junk", None, [], -(10**9), 1.5])
    def test_sign_in_succeeds_despite_an_invalid_throttle_counter(self, alice, entries, value):
        assert post("token/", WRONG).status_code == 400
        write(entries(), value)
        assert post("token/", WRONG).status_code == 400
        assert post("token/", ALICE).status_code == 200

    def test_throttle_cache_contains_no_token_password_or_username(self, alice, entries):
        tokens = sign_in()
        assert post("token/", WRONG).status_code == 400
        # Each file is the pickled time of expiry and the compressed value.
        contents = [io.BytesIO(path.read_bytes()) for path in entries()]
        assert all(pickle.load(file) for file in contents)  # noqa: S301
        stored = b"".join(zlib.decompress(file.read()) for file in contents)
        names = b"".join(path.name.encode() for path in entries())
        for secret in (*map(str, tokens.values()), "correct horse", "wrong", "alice"):
            assert secret.encode() not in stored + names

    def test_pickle_in_the_throttle_cache_is_executed(self, alice, entries, tmp_path):
        """Django's caches store pickles: write access to them is access to the server."""
        assert post("token/", WRONG).status_code == 400
        write(entries(), Code(tmp_path / "ran"))
        post("token/", WRONG)
        assert (tmp_path / "ran").exists()
