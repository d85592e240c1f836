"""Key sets of the settings: the signing key, the verifying keys and forbidden combinations."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_tokenauth.conf.settings import HMAC_ALGORITHMS
from django_tokenauth.errors import InvalidKey
from django_tokenauth.keys.files import write_jwk
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.loading import derive_key, load_key
from django_tokenauth.keys.sources import access_keys, build_access_keys, refresh_keys
from tests.support.raw_tokens import (
    SECRET_KEY,
    SIGNING_KEY,
    base64url,
    derived_secret,
    hmac_with,
    read_settings,
)
from tests.support.sample_keys import (
    ALGORITHMS,
    generated_jwk,
    private_jwk,
    private_key,
    private_pem,
    public_jwk,
    public_pem,
)

MESSAGE = b"header.payload"
ANOTHER_SECRET = SIGNING_KEY[::-1].decode()


def key_error(**values):
    with pytest.raises(InvalidKey) as caught:
        build_access_keys(read_settings(**values))
    return caught.value


class TestDerivedKeys:
    """Without SIGNING_KEY, secrets are derived from SECRET_KEY and its fallbacks."""

    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    def test_first_secret_key_signs_and_fallbacks_verify(self, algorithm):
        secret_keys = (SECRET_KEY, b"the key of last year", b"the key of the year before")
        keys = build_access_keys(read_settings(ALGORITHM=algorithm, secret_keys=secret_keys)).at(0)
        assert next(iter(keys.verifying)) == keys.signing.kid
        for key, secret_key in zip(keys.verifying.values(), secret_keys, strict=True):
            assert key.algorithm == algorithm
            expected = hmac_with(
                derived_secret(secret_key, "access token", algorithm),
                algorithm.replace("HS", "sha"),
            )
            assert key.sign(MESSAGE) == expected(MESSAGE)

    def test_repeated_secret_key_fallback_adds_no_key(self):
        settings = read_settings(secret_keys=(SECRET_KEY, b"old", SECRET_KEY, b"old"))
        assert len(build_access_keys(settings).at(0).verifying) == 2
        assert len(refresh_keys(settings).verifying) == 2

    def test_access_and_refresh_keys_have_different_kids(self):
        settings = read_settings()
        sets = [
            refresh_keys(settings),
            *(build_access_keys(read_settings(ALGORITHM=name)).at(0) for name in HMAC_ALGORITHMS),
        ]
        assert len({keys.signing.kid for keys in sets}) == 4
        assert len({keys.signing.sign(MESSAGE)[:32] for keys in sets}) == 4

    def test_derived_keys_differ_from_secret_key(self):
        settings = read_settings()
        for keys in (build_access_keys(settings).at(0), refresh_keys(settings)):
            assert keys.signing.sign(MESSAGE) != hmac_with(SECRET_KEY)(MESSAGE)

    def test_verifying_keys_beside_derived_key_only_verify(self):
        settings = read_settings(VERIFYING_KEYS=[SIGNING_KEY])
        keys = build_access_keys(settings).at(0)
        assert keys.signing.kid != load_key(SIGNING_KEY, "HS256").kid
        assert load_key(SIGNING_KEY, "HS256").kid in keys.verifying


class TestRefreshKeys:
    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"SIGNING_KEY": SIGNING_KEY},
            {"ALGORITHM": "HS512"},
            {"ALGORITHM": "EdDSA", "SIGNING_KEY": private_pem(private_key("EdDSA"))},
            {"ALGORITHM": "RS256", "VERIFYING_KEYS": [public_pem(private_key("RS256"))]},
        ],
    )
    def test_refresh_keys_ignore_the_settings_of_access_keys(self, values):
        keys = refresh_keys(read_settings(**values))
        assert list(keys.verifying) == [keys.signing.kid]
        assert keys.signing.algorithm == "HS256"
        expected = hmac_with(derived_secret(SECRET_KEY, "refresh token"))
        assert keys.signing.sign(MESSAGE) == expected(MESSAGE)

    def test_refresh_secret_key_replaces_secret_key_in_refresh_keys(self):
        own, old = "a secret of refresh tokens only, 32+", b"the secret of the year before, 32+"
        settings = read_settings(REFRESH_SECRET_KEY=own, REFRESH_SECRET_KEY_FALLBACKS=[old])
        keys = refresh_keys(settings)
        expected = [derive_key(each, "refresh token", "HS256") for each in (own.encode(), old)]
        assert list(keys.verifying) == [key.kid for key in expected]
        assert keys.signing.kid == expected[0].kid
        assert build_access_keys(settings).at(0).signing.sign(MESSAGE) == hmac_with(
            derived_secret(SECRET_KEY, "access token")
        )(MESSAGE)

    def test_refresh_fallbacks_without_refresh_secret_only_verify(self):
        old = b"the secret of the year before, 32+"
        keys = refresh_keys(read_settings(REFRESH_SECRET_KEY_FALLBACKS=[old]))
        own = derive_key(SECRET_KEY, "refresh token", "HS256")
        assert keys.signing.kid == own.kid
        assert list(keys.verifying) == [own.kid, derive_key(old, "refresh token", "HS256").kid]


class TestSigningKey:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    @pytest.mark.parametrize("form", [private_pem, private_jwk])
    def test_signing_key_signs_and_verifies(self, algorithm, form):
        settings = read_settings(ALGORITHM=algorithm, SIGNING_KEY=form(private_key(algorithm)))
        keys = build_access_keys(settings).at(0)
        assert keys.signing.algorithm == algorithm
        assert dict(keys.verifying) == {keys.signing.kid: keys.signing}

    def test_signing_key_replaces_derived_keys(self):
        keys = build_access_keys(read_settings(SIGNING_KEY=SIGNING_KEY)).at(0)
        assert dict(keys.verifying) == {keys.signing.kid: keys.signing}

    def test_verifying_keys_of_other_algorithm_are_accepted(self):
        old, new = private_key("RS256"), private_key("ES256")
        values = {"ALGORITHM": "ES256", "SIGNING_KEY": private_pem(new)}
        keys = build_access_keys(read_settings(**values, VERIFYING_KEYS=[public_pem(old)])).at(0)
        assert [key.algorithm for key in keys.verifying.values()] == ["ES256", "RS256"]

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_public_key_in_signing_key_is_rejected(self, algorithm):
        error = key_error(ALGORITHM=algorithm, SIGNING_KEY=public_pem(private_key(algorithm)))
        assert error.check_id == "E002"
        assert str(error) == "SIGNING_KEY is a public key."
        assert error.hint == "Give the private key. To verify only, move it to VERIFYING_KEYS."

    @pytest.mark.parametrize(
        ("algorithm", "key", "of"),
        [
            ("RS256", private_jwk(private_key("ES256")), "ES256"),
            ("ES256", private_jwk(private_key("ES384")), "ES384"),
            ("RS256", {**private_jwk(private_key("PS256")), "alg": "PS256"}, "PS256"),
            ("EdDSA", {"kty": "oct", "k": base64url(SIGNING_KEY)}, "HS256"),
            ("HS256", private_jwk(private_key("EdDSA")), "EdDSA"),
            ("HS256", {"kty": "oct", "k": base64url(SIGNING_KEY), "alg": "HS512"}, "HS512"),
        ],
    )
    def test_signing_key_of_other_algorithm_is_rejected(self, algorithm, key, of):
        error = key_error(ALGORITHM=algorithm, SIGNING_KEY=key)
        assert error.check_id == "E001"
        assert str(error) == f"SIGNING_KEY is for {of} and ALGORITHM is {algorithm}."
        assert error.hint == f"Set ALGORITHM to {of!r}, or give a key for {algorithm}."

    def test_signing_key_repeated_in_verifying_keys_is_rejected(self):
        assert key_error(SIGNING_KEY=SIGNING_KEY, VERIFYING_KEYS=[SIGNING_KEY]).check_id == "E003"

    @pytest.mark.attack(9)
    @pytest.mark.parametrize(
        "public_key",
        [private_jwk(private_key("RS256")), json.dumps(public_jwk(private_key("EdDSA")))],
        ids=["RS256", "EdDSA"],
    )
    def test_hmac_secret_with_asymmetric_verifying_key_is_rejected(self, public_key):
        assert key_error(SIGNING_KEY=SIGNING_KEY, VERIFYING_KEYS=[public_key]).check_id == "E001"
        assert key_error(VERIFYING_KEYS=[public_key]).check_id == "E001"

    def test_hmac_secret_with_pem_verifying_key_is_rejected(self):
        error = key_error(VERIFYING_KEYS=[public_pem(private_key("RS256"))])
        assert error.check_id == "E001"
        assert "Set ALGORITHM" in error.hint


class TestKeyDirectoryAndKeys:
    """The same keys in KEY_DIRECTORY and in KEYS."""

    @pytest.fixture(params=["files", "settings", "JWK Set"])
    def values(self, request, tmp_path):
        """Return a function that makes the settings for JWKs."""

        def values(*jwks):
            if request.param == "files":
                for jwk in jwks:
                    write_jwk(tmp_path / f"{jwk['kid']}.jwk", jwk)
                return {"KEY_DIRECTORY": tmp_path}
            return {"KEYS": jwks if request.param == "settings" else json.dumps({"keys": jwks})}

        return values

    def test_keys_of_directory_or_setting_sign_from_their_nbf(self, values):
        jwks = [make_jwk("EdDSA", now=50, not_before=start) for start in (100, 300, 200)]
        old, last, next_one = (jwk["kid"] for jwk in jwks)
        source = build_access_keys(read_settings(**values(*jwks)))
        assert source.at(50).signing is None
        assert [source.at(now).signing.kid for now in (100, 199, 200, 299, 300)] == [
            *(old, old, next_one, next_one, last)
        ]
        assert set(source.at(50).verifying) == {old, last, next_one}

    def test_alg_of_key_file_or_jwk_overrides_algorithm_setting(self, values):
        jwks = [{**generated_jwk(name), "nbf": 50} for name in ("ES256", "RS256")]
        source = build_access_keys(read_settings(**values(*jwks), ALGORITHM="EdDSA"))
        assert {key.algorithm for key in source.at(50).verifying.values()} == {"ES256", "RS256"}

    def test_verifying_keys_beside_directory_or_keys_are_accepted(self, values):
        public = public_jwk(private_key("EdDSA"))
        settings = values(make_jwk("EdDSA", now=50, not_before=50))
        source = build_access_keys(read_settings(**settings, VERIFYING_KEYS=[public]))
        assert len(source.at(50).verifying) == 2
        assert load_key(public, "EdDSA").kid != source.at(50).signing.kid

    @pytest.mark.standard("rfc7517-5-4")
    def test_invalid_exp_in_directory_or_keys_setting_is_rejected(self, values):
        jwk = make_jwk("EdDSA", now=50, not_before=50)
        error = key_error(**values({**jwk, "exp": "soon"}))
        assert "The nbf or exp of a JWK" in str(error)

    @pytest.mark.attack(9)
    def test_hmac_secret_and_key_pair_in_one_key_set_are_rejected(self, values):
        jwks = [make_jwk(name, now=50, not_before=50) for name in ("EdDSA", "HS256")]
        assert key_error(**values(*jwks)).check_id == "E001"

    def test_key_directory_setting_of_missing_folder_is_rejected(self, tmp_path):
        folder = tmp_path / "none"
        with pytest.raises(InvalidKey) as caught:
            build_access_keys(read_settings(KEY_DIRECTORY=folder))
        assert str(caught.value) == (
            f"The key folder {folder} cannot be read (No such file or directory)."
        )
        assert "generate" in caught.value.hint


class TestVerifyingOnly:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_verifying_keys_without_signing_key_only_verify(self, algorithm):
        key = private_key(algorithm)
        keys = build_access_keys(
            read_settings(ALGORITHM=algorithm, VERIFYING_KEYS=[public_pem(key)])
        ).at(0)
        assert keys.signing is None
        [verifying] = keys.verifying.values()
        assert verifying.verify(MESSAGE, load_key(private_pem(key), algorithm).sign(MESSAGE))

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_asymmetric_algorithm_without_keys_is_rejected(self, algorithm):
        error = key_error(ALGORITHM=algorithm)
        assert error.check_id == "E001"
        assert (
            str(error) == f"{algorithm} needs a private key in SIGNING_KEY, KEY_DIRECTORY or KEYS."
        )
        assert error.hint == (
            "Set one of them. In a service that only verifies, set VERIFYING_KEYS to the public "
            "keys."
        )


class TestAccessKeys:
    def test_access_keys_error_has_check_id_and_hides_the_key(self):
        settings = read_settings(SIGNING_KEY="swordfish")
        with pytest.raises(ImproperlyConfigured, match=r"\Atokenauth\.E002: The secret") as caught:
            access_keys(settings)
        assert "swordfish" not in str(caught.value)
        assert caught.value.__suppress_context__
