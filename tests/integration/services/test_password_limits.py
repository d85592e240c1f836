"""Passwords that a hasher cannot hash, with the packages bcrypt and argon2-cffi."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import (
    BCryptPasswordHasher,
    PBKDF2PasswordHasher,
    ScryptPasswordHasher,
    make_password,
)
from django.contrib.auth.models import User

from django_tokenauth import services
from django_tokenauth.services.password_limits import is_rejected_by_a_hasher
from tests.support.client import WRONG_PASSWORD, post, status_and_json

HASHERS = "tests.support.hashers"
BCRYPT, BCRYPT_SHA256 = f"{__name__}.FastBCrypt", f"{HASHERS}.FastBCryptSHA256"
PBKDF2 = f"{__name__}.FastPBKDF2"
TOO_LONG = {
    "error": "invalid_request",
    "error_description": "The password is too long for this server.",
}
#: 73 bytes; the second has 37 characters.
LONG_PASSWORDS = ["x" * 73, "\xe9" * 36 + "x"]

pytestmark = pytest.mark.attack(147)


class FastBCrypt(BCryptPasswordHasher):
    rounds = 4


class RecordedBCrypt(BCryptPasswordHasher):
    """bcrypt with the default number of rounds, which takes 0.2 seconds."""

    salts = []

    def encode(self, password, salt):
        self.salts.append(salt)
        return super().encode(password, salt)


class FastPBKDF2(PBKDF2PasswordHasher):
    iterations = 10
    hashed = []

    def encode(self, password, salt, iterations=None):
        self.hashed.append(password)
        return super().encode(password, salt, iterations)


class LimitedPBKDF2(FastPBKDF2):
    """A hasher of a project, with its own limit."""

    algorithm = "limited"

    def encode(self, password, salt, iterations=None):
        if len(password) > 100:
            raise ValueError("too long")
        return super().encode(password, salt, iterations)


class ScryptWithoutMemory(ScryptPasswordHasher):
    """scrypt with more memory than OpenSSL permits."""

    work_factor = 2**20


def use(settings, *hashers):
    settings.PASSWORD_HASHERS = list(hashers)
    FastPBKDF2.hashed.clear()


def create_user(name, hasher="default", password="correct horse", **fields):
    return User.objects.create(
        username=name, password=make_password(password, hasher=hasher), **fields
    )


def sign_in(username, password):
    return status_and_json(post("token/", {"username": username, "password": password}))


@pytest.mark.django_db
class TestPlainBCrypt:
    @pytest.fixture(autouse=True)
    def _plain_bcrypt_first(self, settings):
        use(settings, BCRYPT, PBKDF2)

    @pytest.mark.parametrize("password", LONG_PASSWORDS)
    def test_bcrypt_rejects_passwords_above_72_bytes_for_all_users(self, password):
        create_user("known")
        create_user("inactive", is_active=False)
        create_user("other-hasher", "pbkdf2_sha256", password)
        User.objects.create_user("unusable")
        FastPBKDF2.hashed.clear()
        for name in ("known", "inactive", "other-hasher", "unusable", "unknown"):
            assert sign_in(name, password) == (400, TOO_LONG)
        assert FastPBKDF2.hashed == []

    def test_bcrypt_accepts_a_password_of_72_bytes(self):
        create_user("known", password="x" * 72)
        assert sign_in("known", "x" * 72)[0] == 200
        assert sign_in("known", "x" * 71) == (400, WRONG_PASSWORD)

    def test_throttle_does_not_count_bcrypt_passwords_over_72_bytes(self, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/day"}
        create_user("known")
        assert [sign_in("known", "x" * 73)[0] for _ in range(9)] == [400] * 9
        assert sign_in("known", "correct horse")[0] == 200

    def test_older_bcrypt_package_accepts_passwords_over_72_bytes(self, monkeypatch):
        """bcrypt 4 hashes a long password, and so do its users' sign-ins."""
        password, longer = "x" * 72, "x" * 80
        library = FastBCrypt()._load_library()

        class OlderLibrary:
            gensalt = staticmethod(library.gensalt)

            @staticmethod
            def hashpw(secret, salt):
                return library.hashpw(secret[:72], salt)

        monkeypatch.setattr(FastBCrypt, "_load_library", lambda self: OlderLibrary)
        create_user("known", password=password)
        assert sign_in("known", longer)[0] == 200


class TestIsRejectedByAHasher:
    def test_password_limit_check_tries_bcrypt_after_first_hasher(self, settings):
        use(settings, PBKDF2, f"{__name__}.LimitedPBKDF2", BCRYPT)
        assert is_rejected_by_a_hasher("x" * 73)
        assert FastPBKDF2.hashed == ["x" * 73]

    def test_password_limit_check_runs_bcrypt_with_four_rounds(self, settings):
        use(settings, PBKDF2, f"{__name__}.RecordedBCrypt")
        RecordedBCrypt.salts.clear()
        assert is_rejected_by_a_hasher("x" * 73)
        assert {salt[:7] for salt in RecordedBCrypt.salts} == {b"$2b$04$"}

    def test_password_limit_check_of_72_bytes_runs_no_hasher(self, settings):
        use(settings, PBKDF2, BCRYPT)
        assert not is_rejected_by_a_hasher("x" * 72)
        assert FastPBKDF2.hashed == []


@pytest.mark.django_db
class TestOtherHashers:
    @pytest.mark.parametrize("password", LONG_PASSWORDS)
    def test_password_that_second_hasher_rejects_is_invalid_grant(self, settings, password):
        """The response and the work are those of an unknown user."""
        use(settings, PBKDF2, BCRYPT)
        create_user("known", "bcrypt")
        results = []
        for name in ("known", "unknown"):
            FastPBKDF2.hashed.clear()
            results.append((sign_in(name, password), len(FastPBKDF2.hashed)))
        assert results == [((400, WRONG_PASSWORD), 1)] * 2

    def test_throttle_counts_passwords_that_second_hasher_rejects(self, settings):
        use(settings, PBKDF2, BCRYPT)
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/day"}
        create_user("known", "bcrypt")
        assert [sign_in("known", "x" * 73)[0] for _ in range(5)] == [400] * 3 + [429] * 2

    def test_password_over_limit_of_custom_hasher_is_invalid_grant(self, settings):
        use(settings, f"{__name__}.LimitedPBKDF2")
        create_user("known")
        for name in ("known", "unknown"):
            assert sign_in(name, "x" * 101) == (400, WRONG_PASSWORD)
        assert sign_in("known", "correct horse")[0] == 200

    @pytest.mark.parametrize(
        "hasher",
        [
            BCRYPT_SHA256,
            f"{HASHERS}.FastArgon2",
            f"{HASHERS}.FastScrypt",
            PBKDF2,
        ],
    )
    def test_password_of_4096_characters_is_accepted(self, settings, hasher):
        use(settings, hasher)
        create_user("known", password="x" * 4096)
        assert sign_in("known", "x" * 4096)[0] == 200
        assert sign_in("known", "x" * 4095) == (400, WRONG_PASSWORD)

    @pytest.mark.parametrize("password", ["guess", "x" * 80])
    def test_check_password_raises_the_error_of_a_broken_hasher(self, settings, password):
        use(settings, f"{__name__}.ScryptWithoutMemory")
        with pytest.raises(ValueError, match="memory limit"):
            services.check_password(None, "unknown", password)

    @pytest.mark.parametrize("password", ["a\0b", "\ud800", "x" * 4097])
    def test_invalid_or_too_long_password_is_not_hashed(self, settings, password):
        use(settings, BCRYPT, PBKDF2)
        create_user("known")
        for name in ("known", "unknown"):
            status, body = sign_in(name, password)
            assert (status, body["error"]) == (400, "invalid_request")
        assert FastPBKDF2.hashed == []
