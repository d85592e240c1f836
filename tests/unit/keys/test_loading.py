"""load_key: keys of each algorithm in each form. ``test_loading_rejected`` has invalid keys."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from itertools import product
from types import MappingProxyType

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from django_tokenauth.conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS
from django_tokenauth.keys.loading import load_key
from tests.support.raw_tokens import SIGNING_KEY, base64url, hmac_with, unbase64url
from tests.support.sample_keys import (
    ALGORITHMS,
    CURVES,
    RSA_ALGORITHMS,
    private_jwk,
    private_key,
    private_pem,
    public_jwk,
    public_pem,
)

MESSAGE = b"header.payload"
PUBLIC_MEMBERS = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}, "OKP": {"crv", "x"}}
PRIVATE_FORMS = {
    "PEM string": lambda key: private_pem(key).decode(),
    "PEM bytes": private_pem,
    "PEM with empty lines": lambda key: b"\n  \n" + private_pem(key) + b"\n\n",
    "PEM with CRLF": lambda key: private_pem(key).replace(b"\n", b"\r\n"),
    "JWK": private_jwk,
    "immutable JWK": lambda key: MappingProxyType(private_jwk(key)),
    "JWK as JSON": lambda key: json.dumps(private_jwk(key)),
    "JWK as JSON bytes": lambda key: b"\n " + json.dumps(private_jwk(key), indent=1).encode(),
}
PUBLIC_FORMS = {
    "PEM string": lambda key: public_pem(key).decode(),
    "PEM bytes": public_pem,
    "JWK": public_jwk,
    "JWK as JSON": lambda key: json.dumps(public_jwk(key)),
}
SECRET_FORMS = {
    "string": SIGNING_KEY.decode(),
    "bytes": SIGNING_KEY,
    "JWK": {"kty": "oct", "k": base64url(SIGNING_KEY)},
    "JWK as JSON": json.dumps({"kty": "oct", "k": base64url(SIGNING_KEY)}),
}


RFC_7638_N = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
    "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
    "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
    "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)


def thumbprint(jwk):
    """Return the RFC 7638 thumbprint: the digest of the required members, without spaces."""
    required = {name: jwk[name] for name in {"kty", *PUBLIC_MEMBERS[jwk["kty"]]}}
    text = json.dumps(required, sort_keys=True, separators=(",", ":"))
    return base64url(hashlib.sha256(text.encode()).digest())


@cache
def signature_of_another_key(algorithm):
    return load_key(private_pem(private_key(algorithm, 2)), algorithm).sign(MESSAGE)


@pytest.fixture(params=ALGORITHMS)
def algorithm(request):
    return request.param


@cache
def load(forms, form, algorithm):
    """Return a cached key, because the library takes long to check a private RSA key."""
    return load_key(
        {"private": PRIVATE_FORMS, "public": PUBLIC_FORMS}[forms][form](private_key(algorithm)),
        algorithm,
    )


@pytest.fixture(params=PRIVATE_FORMS)
def private(request, algorithm):
    return load("private", request.param, algorithm)


@pytest.fixture(params=PUBLIC_FORMS)
def public(request, algorithm):
    return load("public", request.param, algorithm)


def test_sample_keys_cover_every_asymmetric_algorithm():
    assert set(ALGORITHMS) == set(ASYMMETRIC_ALGORITHMS)


class TestPrivateKey:
    def test_private_key_signs_and_verifies(self, algorithm, private):
        assert private.algorithm == algorithm
        assert private.can_sign
        signature = private.sign(MESSAGE)
        assert private.verify(MESSAGE, signature)
        assert not private.verify(MESSAGE + b".", signature)
        assert not private.verify(MESSAGE, signature[:-1])
        assert not private.verify(MESSAGE, b"")

    def test_private_key_kid_is_rfc_7638_thumbprint(self, algorithm, private):
        assert private.kid == thumbprint(public_jwk(private_key(algorithm)))

    @pytest.mark.standard("rfc7517-9.2-1")
    def test_private_key_public_jwk_has_no_private_member(self, algorithm, private):
        published = {"kid": private.kid, "alg": algorithm, "use": "sig"}
        assert private.public_jwk == {**public_jwk(private_key(algorithm)), **published}
        with pytest.raises(TypeError):
            private.public_jwk["d"] = "more"

    def test_private_key_repr_shows_only_kid_and_algorithm(self, algorithm, private):
        assert repr(private) == f"Key(kid={private.kid!r}, algorithm={algorithm!r})"


class TestPublicKey:
    def test_public_key_verifies_but_cannot_sign(self, algorithm, public):
        signature = load("private", "PEM bytes", algorithm).sign(MESSAGE)
        assert public.algorithm == algorithm
        assert not public.can_sign
        assert public.verify(MESSAGE, signature)
        assert not public.verify(b"another message", signature)

    def test_public_key_has_kid_and_jwk_of_its_private_key(self, algorithm, public):
        private = load("private", "JWK", algorithm)
        assert public.kid == private.kid
        assert public.public_jwk == private.public_jwk

    def test_public_key_rejects_signature_of_another_key(self, algorithm, public):
        assert not public.verify(MESSAGE, signature_of_another_key(algorithm))


class TestSecret:
    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    @pytest.mark.parametrize("form", SECRET_FORMS)
    def test_hmac_secret_signs_as_rfc_7518_specifies(self, algorithm, form):
        key = load_key(SECRET_FORMS[form], algorithm)
        assert key.algorithm == algorithm
        assert key.can_sign
        assert key.sign(MESSAGE) == hmac_with(SIGNING_KEY, algorithm.replace("HS", "sha"))(MESSAGE)
        assert key.verify(MESSAGE, key.sign(MESSAGE))
        assert not key.verify(MESSAGE + b".", key.sign(MESSAGE))

    def test_hmac_secret_has_the_same_kid_in_every_key_format(self):
        assert len({load_key(form, "HS256").kid for form in SECRET_FORMS.values()}) == 1

    @pytest.mark.attack(170)
    def test_hmac_kid_is_not_a_digest_of_its_secret(self):
        key = load_key(SIGNING_KEY, "HS256")
        members = {"k": base64url(SIGNING_KEY), "kty": "oct"}
        canonical = json.dumps(members, separators=(",", ":")).encode()
        for message in (canonical, SIGNING_KEY):
            digest = hashlib.sha256(message).digest()
            assert unbase64url(key.kid) not in (digest, digest[:12])

    def test_hmac_kid_is_truncated_hmac_of_constant_message(self):
        # The message contains spaces and no dot, so it is never the signing input of a token.
        key = load_key(SIGNING_KEY, "HS256")
        assert unbase64url(key.kid) == key.sign(b"django_tokenauth key id")[:12]

    @pytest.mark.standard("rfc7517-9.2-1")
    def test_hmac_secret_is_absent_from_repr_and_public_jwk(self):
        key = load_key(SIGNING_KEY, "HS256")
        assert key.public_jwk is None
        assert repr(key) == f"Key(kid={key.kid!r}, algorithm='HS256')"

    def test_hmac_secret_as_string_is_encoded_as_utf_8(self):
        key = load_key("열쇠" * 6, "HS256")
        assert key.sign(MESSAGE) == hmac_with(("열쇠" * 6).encode())(MESSAGE)

    @pytest.mark.parametrize(("algorithm", "length"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
    def test_hmac_secret_of_digest_length_is_accepted(self, algorithm, length):
        assert load_key(SIGNING_KEY[:length], algorithm).can_sign


class TestKid:
    def test_kid_of_asymmetric_jwk_is_kept(self, algorithm):
        jwk = {**public_jwk(private_key(algorithm)), "kid": "2026-11"}
        key = load_key(jwk, algorithm)
        assert key.kid == "2026-11"
        assert key.public_jwk["kid"] == "2026-11"

    def test_kid_of_hmac_jwk_is_kept(self):
        assert load_key({**SECRET_FORMS["JWK"], "kid": "2026-11"}, "HS256").kid == "2026-11"

    @pytest.mark.parametrize("kid", ["a", "~" * 128, "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", None])
    def test_kid_of_any_visible_ascii_is_accepted(self, kid):
        jwk = public_jwk(private_key("EdDSA"))
        assert load_key({**jwk, "kid": kid}, "EdDSA").kid == (kid or thumbprint(jwk))

    def test_kid_of_rfc_7638_example_is_its_thumbprint(self):
        # Section 3.1; RFC 8037 appendix A.3.
        rsa = {"kty": "RSA", "n": RFC_7638_N, "e": "AQAB"}
        assert load_key(rsa, "RS256").kid == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        okp = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
        assert load_key(okp, "EdDSA").kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


class TestAlgorithm:
    def test_alg_of_asymmetric_jwk_overrides_the_setting(self):
        jwk = {**public_jwk(private_key("PS512")), "alg": "PS512"}
        assert load_key(jwk, "RS256").algorithm == "PS512"

    def test_alg_of_hmac_jwk_overrides_the_setting(self):
        assert load_key({**SECRET_FORMS["JWK"], "alg": "HS512"}, "HS256").algorithm == "HS512"

    @pytest.mark.parametrize(
        ("default", "form"),
        [
            *product(ALGORITHMS, ["PEM bytes", "JWK"]),
            # A PEM beside a secret is rejected, see test_loading_rejected.
            *product(HMAC_ALGORITHMS, ["JWK"]),
        ],
    )
    @pytest.mark.parametrize("of", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
    def test_key_of_other_type_uses_default_algorithm_of_its_type(self, default, of, form):
        # Keys of both types verify tokens while ALGORITHM changes from one type to the other.
        same_type = default in RSA_ALGORITHMS and of == "RS256"
        key = load_key(PUBLIC_FORMS[form](private_key(of)), default)
        assert key.algorithm == (default if same_type else of)

    @pytest.mark.parametrize("default", ALGORITHMS)
    def test_hmac_jwk_beside_asymmetric_setting_uses_hs256(self, default):
        assert load_key(SECRET_FORMS["JWK"], default).algorithm == "HS256"

    def test_signature_for_other_algorithm_of_same_key_is_rejected(self):
        pem = private_pem(private_key("RS256"))
        for signed, verified in [("RS256", "RS512"), ("RS256", "PS256"), ("PS384", "RS384")]:
            signature = load_key(pem, signed).sign(MESSAGE)
            assert not load_key(pem, verified).verify(MESSAGE, signature)


class TestUse:
    @pytest.mark.standard("rfc7517-4-2", "rfc7517-4.7-1")
    @pytest.mark.parametrize(
        "members",
        [
            {"use": "sig"},
            {"key_ops": ["verify"]},
            {"key_ops": ["sign"]},
            {"key_ops": ["sign", "verify"]},
            {"use": "sig", "key_ops": ["verify"], "ext": True, "x5t": "abc", "unknown": {"a": 1}},
        ],
    )
    def test_jwk_with_use_or_key_ops_for_signatures_is_accepted(self, members):
        assert load_key({**public_jwk(private_key("ES256")), **members}, "ES256").can_sign is False


class TestCoordinates:
    @pytest.mark.parametrize(("algorithm", "length"), [("ES256", 32), ("ES384", 48), ("ES512", 66)])
    def test_ec_coordinates_keep_leading_zeros(self, algorithm, length):
        # RFC 7518 section 6.2.1.2. One coordinate in 256 starts with a zero byte.
        curve, value = CURVES[algorithm][1], 0
        while True:
            value += 1
            key_pair = ec.derive_private_key(value, curve)
            numbers = key_pair.public_key().public_numbers()
            if min(numbers.x, numbers.y).bit_length() <= 8 * (length - 1):
                break
        pem = key_pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        key = load_key(pem, algorithm)
        for coordinate in ("x", "y"):
            data = unbase64url(key.public_jwk[coordinate])
            assert len(data) == length
            assert int.from_bytes(data, "big") == getattr(numbers, coordinate)
        assert load_key(key.public_jwk, algorithm).verify(MESSAGE, key.sign(MESSAGE))


class TestTimes:
    """The ``nbf`` and ``exp`` of a JWK: when its key starts to sign and stops verifying."""

    FORMS = pytest.mark.parametrize("form", [dict, json.dumps, MappingProxyType])

    @FORMS
    @pytest.mark.parametrize("kind", [private_jwk, public_jwk])
    def test_jwk_nbf_and_exp_become_key_times(self, kind, form):
        jwk = {**kind(private_key("ES256")), "nbf": 100, "exp": 200}
        key = load_key(form(jwk), "ES256")
        assert (key.not_before, key.expires_at) == (100, 200)
        assert [key.has_expired(now) for now in (0, 199.9, 200, 201)] == [False, False, True, True]

    def test_hmac_jwk_nbf_and_exp_become_key_times(self):
        key = load_key({"kty": "oct", "k": base64url(SIGNING_KEY), "nbf": 1, "exp": 2}, "HS256")
        assert (key.not_before, key.expires_at) == (1, 2)

    @pytest.mark.parametrize("material", [private_pem, private_jwk])
    def test_key_without_times_signs_always_and_never_expires(self, material):
        key = load_key(material(private_key("EdDSA")), "EdDSA")
        assert (key.not_before, key.expires_at) == (0, None)
        assert not key.has_expired(10**12)

    def test_key_times_are_not_in_kid_or_public_jwk(self):
        jwk = private_jwk(private_key("RS256"))
        dated = load_key({**jwk, "nbf": 1, "exp": 2, "iat": 0}, "RS256")
        assert dated.public_jwk == load_key(jwk, "RS256").public_jwk
