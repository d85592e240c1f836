"""Header members besides ``alg``: key ids, embedded keys, and extensions."""

from __future__ import annotations

import json
import logging
import os
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings as django_settings

from tests.campaigns.attacks.forging import asymmetric_forger, forgers, signer
from tests.support.client import log_messages
from tests.support.raw_tokens import (
    MISSING,
    as_json,
    base64url,
    compact,
    derived_secret,
    hmac_with,
)
from tests.support.sample_keys import private_key, public_jwk

ATTACKER = "https://attacker.example.com"
#: Key ids with a meaning for a file system, a database, a shell or a log.
PATHS = ("../../../../dev/null", "/dev/null", "/etc/passwd", "C:\\NUL", "keys/../key", "file:///")
INJECTIONS = (
    *("' OR '1'='1", "x'; DROP TABLE auth_user; --", '" UNION SELECT password', "%' ESCAPE '!"),
    *("*)(uid=*))(|(uid=*", "$(id)", "`id`", "| id", "; id", "{{7*7}}", "${jndi:ldap://a.invalid}"),
    *(ATTACKER, "http://169.254.169.254/latest/meta-data", "<script>alert(1)</script>"),
    *("a\r\nSet-Cookie: a=b", "a\nERROR user signed in", "\x1b[2J", "k" * 128),
)


def keys_in_a_header(jwk):
    """Return every header member that can carry or name a key (RFC 7515 section 4.1)."""
    certificate = base64url(b"a certificate")
    return {
        "jwk": jwk,
        "jku": f"{ATTACKER}/jwks.json",
        "x5u": "http://169.254.169.254/latest/meta-data",
        "x5c": [certificate],
        "x5t": certificate,
        "x5t#S256": certificate,
    }


def encrypted(header, plaintext, key):
    """Return a compact JWE encrypted directly with ``key`` (RFC 7516 section 7.1)."""
    protected, nonce = base64url(as_json(header)), os.urandom(12)
    sealed = AESGCM(key).encrypt(nonce, plaintext, protected.encode())
    return ".".join([protected, "", *map(base64url, (nonce, sealed[:-16], sealed[-16:]))])


@pytest.mark.promise(1)
@pytest.mark.attack(35)
def test_kid_with_file_path_opens_no_file(offline_server):
    for forger in forgers(offline_server):
        # The first rejection in a process may open a translation catalog.
        forger.assert_rejected(forger.with_header(kid="another"))
        for kid in PATHS:
            # The secrets that an empty file or /dev/zero would contain.
            for secret in (b"", b"\x00", b"\x00" * 32):
                forger.assert_rejected(forger.token(forger.header(kid=kid), sign=hmac_with(secret)))
                assert offline_server.activity.files_and_commands == []
            forger.assert_rejected(forger.with_header(kid=kid))


@pytest.mark.promise(1)
@pytest.mark.standard("rfc6749-10.14-1")
@pytest.mark.attack(36)
def test_kid_with_injection_is_not_executed_or_logged(offline_server, caplog):
    for forger in forgers(offline_server):
        forger.assert_rejected(forger.with_header(kid="another"))
        caplog.clear()
        caplog.set_level(logging.INFO, "django_tokenauth")
        for kid in INJECTIONS:
            forger.assert_rejected(forger.with_header(kid=kid))
            assert offline_server.activity.files_and_commands == []
        assert {line.rpartition(": ")[2] for line in log_messages(caplog)} == {"key", "header"}
        assert not [kid for kid in INJECTIONS if kid in caplog.text]


@pytest.mark.attack(37)
def test_kid_not_a_short_ascii_string_is_rejected(alice, server):
    for forger in forgers(server):
        for kid in (None, 0, 17, True, 1.5, [], [forger.kid], {}, {"kid": forger.kid}):
            forger.assert_rejected(forger.with_header(kid=kid))
        for kid in ("", "\x00", f"{forger.kid}\x00", "\ud800", "é", "열쇠", "k" * 129, "k" * 5000):
            forger.assert_rejected(forger.with_header(kid=kid))
        # JSON escapes do not change the value of the kid.
        escaped = "".join(f"\\u{ord(letter):04x}" for letter in forger.kid)
        text = f'"kid": "{escaped}"'
        assert json.loads(f"{{{text}}}") == {"kid": forger.kid}
        members = json.dumps(forger.header(kid=MISSING))[:-1]
        forger.assert_accepted(forger.token(header=f"{members}, {text}}}".encode()))


@pytest.mark.attack(37)
def test_kid_of_20_kilobytes_is_rejected(offline_server):
    for forger in forgers(offline_server):
        # This is near the header limit of the offline_server, and over the body limit.
        forger.assert_rejected(forger.with_header(kid="k" * 20_000))


@pytest.mark.standard("rfc9068-4-8")
@pytest.mark.attack(38)
def test_token_signed_with_secret_of_its_jwk_member_is_rejected(offline_server):
    secret = b"a secret of the attacker, who knows it"
    jwk = {"kty": "oct", "k": base64url(secret), "alg": "HS256"}
    for forger in forgers(offline_server):
        for kid in (forger.kid, "attacker", MISSING):
            header = forger.header(kid=kid, jwk={**jwk, "kid": "attacker"})
            forger.assert_rejected(forger.token(header, sign=hmac_with(secret)))


@pytest.mark.promise(1)
@pytest.mark.standard("rfc9068-4-8")
@pytest.mark.attack(38, 39, 40)
def test_token_signed_with_key_named_in_its_header_is_rejected(offline_server, settings):
    for algorithm in ("RS256", "ES256", "EdDSA"):
        forger = asymmetric_forger(offline_server, settings, algorithm)
        attacker_key = private_key(algorithm, 2)
        sign = signer(algorithm, attacker_key)
        forger.assert_rejected(forger.with_header(kid="another"))
        for name, value in keys_in_a_header(
            {**public_jwk(attacker_key), "kid": "attacker"}
        ).items():
            for kid in (forger.kid, "attacker", MISSING):
                forger.assert_rejected(
                    forger.token(forger.header(kid=kid, **{name: value}), sign=sign)
                )
                assert offline_server.activity.files_and_commands == []


@pytest.mark.attack(38, 39, 40)
def test_jwk_jku_x5u_and_x5c_members_of_valid_tokens_are_ignored(alice, server):
    for forger in forgers(server):
        # The fixture asserts afterwards that nothing was fetched.
        forger.assert_accepted(forger.with_header(**keys_in_a_header({"kty": "oct", "k": "AAAA"})))
        forger.assert_accepted(forger.with_header(jwk=None, jku=17, x5u=[], x5c="x", x5t={}))


@pytest.mark.attack(41)
def test_crit_with_any_value_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for crit in (["x"], ["alg"], [], None, "exp", "", ["exp", "exp"], {"exp": 1}, [1], True):
            forger.assert_rejected(forger.with_header(crit=crit))
        forger.assert_rejected(forger.with_header(crit=["x"], x=1))


@pytest.mark.attack(42)
def test_crit_naming_a_present_member_is_rejected(offline_server):
    for forger in forgers(offline_server):
        forger.assert_rejected(forger.with_header(crit=["exp"], exp=forger.claims()["exp"]))


@pytest.mark.attack(43)
def test_unencoded_payload_is_rejected(offline_server):
    for forger in forgers(offline_server):
        payload = base64url(as_json(forger.claims()))
        for crit in (["b64"], MISSING):
            header = forger.header(b64=False, crit=crit)
            head = base64url(as_json(header))
            # RFC 7797 section 3: the signature covers the unencoded payload.
            forger.assert_rejected(forger.sign_segments(head, as_json(forger.claims()).decode()))
            forger.assert_rejected(forger.sign_segments(head, payload))


@pytest.mark.attack(43)
def test_detached_payload_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for header in (forger.header(), forger.header(b64=False, crit=["b64"])):
            head, _, signature = forger.token(header=header).split(".")
            forger.assert_rejected(f"{head}..{signature}")
        forger.assert_rejected(forger.token(payload=b""))


@pytest.mark.attack(44)
def test_b64_with_any_value_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for b64 in (True, False, 0, 1, "false", "", None, []):
            forger.assert_rejected(forger.with_header(b64=b64))
        forger.assert_rejected(forger.with_header(b64=True, crit=["b64"]))


@pytest.mark.attack(45)
def test_compressed_payload_is_rejected(offline_server):
    for forger in forgers(offline_server):
        packing = zlib.compressobj(wbits=-15)
        packed = packing.compress(as_json(forger.claims())) + packing.flush()
        bomb = zlib.compress(b" " * 4_000_000, 9)
        for alg in ("DEF", "GZIP", "", None, True):
            header = forger.header(zip=alg)
            for payload in (forger.claims(), packed, bomb):
                forger.assert_rejected(forger.token(header, payload))


@pytest.mark.attack(45)
def test_signed_token_with_enc_member_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for enc in ("A256GCM", "none", "", None):
            forger.assert_rejected(forger.with_header(enc=enc))


@pytest.mark.standard("rfc9068-4-3")
@pytest.mark.attack(46)
def test_jwe_encrypted_with_server_key_is_rejected(offline_server):
    for forger, purpose in zip(
        forgers(offline_server), ("access token", "refresh token"), strict=True
    ):
        key = derived_secret(django_settings.SECRET_KEY.encode(), purpose)
        direct = forger.header(alg="dir", enc="A256GCM")
        unsigned = compact({"alg": "none"}, forger.claims(), lambda _: b"")
        claims = as_json(forger.claims())
        for plaintext in (claims, unsigned.encode(), forger.token().encode()):
            for cty in (MISSING, "JWT"):
                forger.assert_rejected(
                    encrypted({**direct, "cty": cty} if cty != MISSING else direct, plaintext, key)
                )


@pytest.mark.attack(47)
def test_pbes2_header_derives_no_key(offline_server):
    # A derivation would take 2**31 rounds, and the test would not end.
    costly = {"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2s": "AAAA", "p2c": 2**31}
    for forger in forgers(offline_server):
        segments = [base64url(as_json(costly)), *["AAAA"] * 4]
        forger.assert_rejected(
            ".".join(segments), ".".join(segments[:3]), forger.with_header(**costly)
        )


@pytest.mark.attack(48)
def test_nested_token_is_rejected(offline_server):
    for forger in forgers(offline_server):
        for cty in ("JWT", "jwt", "at+jwt", "", None):
            for payload in (forger.claims(), forger.token().encode()):
                forger.assert_rejected(forger.token(forger.header(cty=cty), payload))
        # Without ``cty``, the payload is not a JSON object.
        forger.assert_rejected(forger.token(payload=forger.token().encode()))


@pytest.mark.standard("rfc9068-4-2")
@pytest.mark.attack(49)
def test_typ_missing_or_unknown_is_rejected(offline_server):
    for forger in forgers(offline_server):
        typ = forger.header()["typ"]
        for other in (MISSING, None, 0, 17, True, [], [typ], {}, {"typ": typ}):
            forger.assert_rejected(forger.with_header(typ=other))
        for other in ("", "JWT", "jwt", "JOSE", "JOSE+JSON", "application/jwt", "logout+jwt"):
            forger.assert_rejected(forger.with_header(typ=other))
        for other in (f"{typ} ", f" {typ}", f"{typ}\n", f"x{typ}", f"{typ}x", f"text/{typ}"):
            forger.assert_rejected(forger.with_header(typ=other))
        for other in (f"{typ}; charset=utf-8", f"application/application/{typ}", f"{typ}\x00"):
            forger.assert_rejected(forger.with_header(typ=other))


@pytest.mark.attack(49)
def test_typ_of_other_token_type_is_rejected(offline_server):
    access, refresh = forgers(offline_server)
    access.assert_rejected(access.with_header(typ="rt+jwt"))
    refresh.assert_rejected(refresh.with_header(typ="at+jwt"))


@pytest.mark.standard("rfc9068-4-2")
@pytest.mark.attack(49)
def test_typ_as_media_type_in_any_case_is_accepted(alice, server):
    for forger in forgers(server):
        typ = forger.header()["typ"]
        for media_type in (typ.upper(), f"application/{typ}", f"Application/{typ.title()}"):
            forger.assert_accepted(forger.with_header(typ=media_type))


@pytest.mark.attack(50)
def test_unknown_header_members_are_ignored(alice, server):
    for forger in forgers(server):
        forger.assert_accepted(
            forger.with_header(foo={"bar": [1, 2.5, None]}, exp=1, sub="bob", url="x")
        )
