"""Keys of every algorithm in every form; what is refused stands in ``test_loading_rejected``."""

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
    "PEM text": lambda key: private_pem(key).decode(),
    "PEM bytes": private_pem,
    "PEM with blank lines around": lambda key: b"\n  \n" + private_pem(key) + b"\n\n",
    "PEM with CRLF": lambda key: private_pem(key).replace(b"\n", b"\r\n"),
    "JWK": private_jwk,
    "JWK that cannot be changed": lambda key: MappingProxyType(private_jwk(key)),
    "JWK as JSON": lambda key: json.dumps(private_jwk(key)),
    "JWK as JSON bytes": lambda key: b"\n " + json.dumps(private_jwk(key), indent=1).encode(),
}
PUBLIC_FORMS = {
    "PEM text": lambda key: public_pem(key).decode(),
    "PEM bytes": public_pem,
    "JWK": public_jwk,
    "JWK as JSON": lambda key: json.dumps(public_jwk(key)),
}
SECRET_FORMS = {
    "text": SIGNING_KEY.decode(),
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
    """RFC 7638 section 3: of the required members, sorted, without a blank."""
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
    """Loading is slow: the library checks a private RSA key thoroughly."""
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


def test_the_algorithms_of_these_tests_are_all_there_are():
    assert set(ALGORITHMS) == set(ASYMMETRIC_ALGORITHMS)


class TestPrivateKey:
    def test_it_signs_and_verifies(self, algorithm, private):
        assert private.algorithm == algorithm
        assert private.can_sign
        signature = private.sign(MESSAGE)
        assert private.verify(MESSAGE, signature)
        assert not private.verify(MESSAGE + b".", signature)
        assert not private.verify(MESSAGE, signature[:-1])
        assert not private.verify(MESSAGE, b"")

    def test_its_kid_is_the_rfc_7638_thumbprint(self, algorithm, private):
        assert private.kid == thumbprint(public_jwk(private_key(algorithm)))

    @pytest.mark.standard("rfc7517-9.2-1")
    def test_what_it_shows_is_public(self, algorithm, private):
        shown = {"kid": private.kid, "alg": algorithm, "use": "sig"}
        assert private.public_jwk == {**public_jwk(private_key(algorithm)), **shown}
        with pytest.raises(TypeError):
            private.public_jwk["d"] = "more"

    def test_its_repr_shows_the_name_and_the_algorithm_only(self, algorithm, private):
        assert repr(private) == f"Key(kid={private.kid!r}, algorithm={algorithm!r})"


class TestPublicKey:
    def test_it_verifies_and_cannot_sign(self, algorithm, public):
        signature = load("private", "PEM bytes", algorithm).sign(MESSAGE)
        assert public.algorithm == algorithm
        assert not public.can_sign
        assert public.verify(MESSAGE, signature)
        assert not public.verify(b"another message", signature)

    def test_it_is_described_like_its_private_half(self, algorithm, public):
        private = load("private", "JWK", algorithm)
        assert public.kid == private.kid
        assert public.public_jwk == private.public_jwk

    def test_a_signature_of_another_key_does_not_verify(self, algorithm, public):
        assert not public.verify(MESSAGE, signature_of_another_key(algorithm))


class TestSecret:
    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    @pytest.mark.parametrize("form", SECRET_FORMS)
    def test_it_signs_as_rfc_7518_says(self, algorithm, form):
        key = load_key(SECRET_FORMS[form], algorithm)
        assert key.algorithm == algorithm
        assert key.can_sign
        assert key.sign(MESSAGE) == hmac_with(SIGNING_KEY, algorithm.replace("HS", "sha"))(MESSAGE)
        assert key.verify(MESSAGE, key.sign(MESSAGE))
        assert not key.verify(MESSAGE + b".", key.sign(MESSAGE))

    def test_every_form_has_the_same_name(self):
        assert len({load_key(form, "HS256").kid for form in SECRET_FORMS.values()}) == 1

    @pytest.mark.attack(170)
    def test_its_name_is_no_digest_of_it(self):
        key = load_key(SIGNING_KEY, "HS256")
        members = {"k": base64url(SIGNING_KEY), "kty": "oct"}
        canonical = json.dumps(members, separators=(",", ":")).encode()
        for guess in (canonical, SIGNING_KEY):
            digest = hashlib.sha256(guess).digest()
            assert unbase64url(key.kid) not in (digest, digest[:12])

    def test_its_name_is_the_start_of_no_token_that_it_signs(self):
        # A signing input has a full stop and no blank, and the name is signed with blanks.
        key = load_key(SIGNING_KEY, "HS256")
        assert unbase64url(key.kid) == key.sign(b"django_tokenauth key id")[:12]

    @pytest.mark.standard("rfc7517-9.2-1")
    def test_it_shows_nothing(self):
        key = load_key(SIGNING_KEY, "HS256")
        assert key.public_jwk is None
        assert repr(key) == f"Key(kid={key.kid!r}, algorithm='HS256')"

    def test_a_text_counts_as_utf_8(self):
        key = load_key("열쇠" * 6, "HS256")
        assert key.sign(MESSAGE) == hmac_with(("열쇠" * 6).encode())(MESSAGE)

    @pytest.mark.parametrize(("algorithm", "length"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
    def test_as_many_bytes_as_the_digest_has_are_enough(self, algorithm, length):
        assert load_key(SIGNING_KEY[:length], algorithm).can_sign


class TestNames:
    def test_a_jwk_says_its_own(self, algorithm):
        jwk = {**public_jwk(private_key(algorithm)), "kid": "2026-11"}
        key = load_key(jwk, algorithm)
        assert key.kid == "2026-11"
        assert key.public_jwk["kid"] == "2026-11"

    def test_so_does_the_jwk_of_a_secret(self):
        assert load_key({**SECRET_FORMS["JWK"], "kid": "2026-11"}, "HS256").kid == "2026-11"

    @pytest.mark.parametrize("kid", ["a", "~" * 128, "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", None])
    def test_it_may_be_any_visible_ascii(self, kid):
        jwk = {**public_jwk(private_key("EdDSA")), "kid": kid}
        assert load_key(jwk, "EdDSA").kid == kid or kid is None

    def test_the_example_of_rfc_7638(self):
        # Section 3.1; RFC 8037 appendix A.3.
        rsa = {"kty": "RSA", "n": RFC_7638_N, "e": "AQAB"}
        assert load_key(rsa, "RS256").kid == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        okp = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
        assert load_key(okp, "EdDSA").kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


class TestAlgorithm:
    def test_a_jwk_says_what_it_is_for(self):
        jwk = {**public_jwk(private_key("PS512")), "alg": "PS512"}
        assert load_key(jwk, "RS256").algorithm == "PS512"

    def test_a_secret_as_a_jwk_says_what_it_is_for(self):
        assert load_key({**SECRET_FORMS["JWK"], "alg": "HS512"}, "HS256").algorithm == "HS512"

    @pytest.mark.parametrize(
        ("asked", "form"),
        [
            *product(ALGORITHMS, ["PEM bytes", "JWK"]),
            # A PEM beside a secret is refused, see test_keys_refused.
            *product(HMAC_ALGORITHMS, ["JWK"]),
        ],
    )
    @pytest.mark.parametrize("of", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
    def test_a_key_of_another_type_gets_the_usual_one_of_its_type(self, asked, of, form):
        # Old and new keys stand side by side while ALGORITHM changes from one to the other.
        same_type = asked in RSA_ALGORITHMS and of == "RS256"
        key = load_key(PUBLIC_FORMS[form](private_key(of)), asked)
        assert key.algorithm == (asked if same_type else of)

    @pytest.mark.parametrize("asked", ALGORITHMS)
    def test_a_secret_beside_asymmetric_keys_is_for_hs256(self, asked):
        assert load_key(SECRET_FORMS["JWK"], asked).algorithm == "HS256"

    def test_a_signature_of_the_same_key_for_another_algorithm_does_not_verify(self):
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
    def test_a_jwk_for_signatures_is_taken(self, members):
        assert load_key({**public_jwk(private_key("ES256")), **members}, "ES256").can_sign is False


class TestCoordinates:
    @pytest.mark.parametrize(("algorithm", "length"), [("ES256", 32), ("ES384", 48), ("ES512", 66)])
    def test_they_keep_their_leading_zeros(self, algorithm, length):
        # RFC 7518 section 6.2.1.2. One in 256 keys has a coordinate that begins with a zero byte.
        curve, value = CURVES[algorithm][1], 0
        while True:
            value += 1
            short = ec.derive_private_key(value, curve)
            numbers = short.public_key().public_numbers()
            if min(numbers.x, numbers.y).bit_length() <= 8 * (length - 1):
                break
        pem = short.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        key = load_key(pem, algorithm)
        for coordinate in ("x", "y"):
            data = unbase64url(key.public_jwk[coordinate])
            assert len(data) == length
            assert int.from_bytes(data, "big") == getattr(numbers, coordinate)
        assert load_key(key.public_jwk, algorithm).verify(MESSAGE, key.sign(MESSAGE))


class TestTimes:
    """When a JWK says that its key begins to sign and stops to verify."""

    FORMS = pytest.mark.parametrize("form", [dict, json.dumps, MappingProxyType])

    @FORMS
    @pytest.mark.parametrize("kind", [private_jwk, public_jwk])
    def test_they_are_those_of_the_jwk(self, kind, form):
        jwk = {**kind(private_key("ES256")), "nbf": 100, "exp": 200}
        key = load_key(form(jwk), "ES256")
        assert (key.not_before, key.expires_at) == (100, 200)
        assert [key.has_expired(now) for now in (0, 199.9, 200, 201)] == [False, False, True, True]

    def test_a_secret_has_them_too(self):
        key = load_key({"kty": "oct", "k": base64url(SIGNING_KEY), "nbf": 1, "exp": 2}, "HS256")
        assert (key.not_before, key.expires_at) == (1, 2)

    @pytest.mark.parametrize("material", [private_pem, private_jwk])
    def test_without_them_it_signs_always_and_never_ends(self, material):
        key = load_key(material(private_key("EdDSA")), "EdDSA")
        assert (key.not_before, key.expires_at) == (0, None)
        assert not key.has_expired(10**12)

    def test_they_are_no_part_of_its_name_and_are_not_published(self):
        jwk = private_jwk(private_key("RS256"))
        dated = load_key({**jwk, "nbf": 1, "exp": 2, "iat": 0}, "RS256")
        assert dated.public_jwk == load_key(jwk, "RS256").public_jwk
