"""What a header says besides the algorithm: names of keys, keys, and changes of the meaning."""

from __future__ import annotations

import json
import logging
import os
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings as django_settings

from tests.campaigns.attacks.forging import asymmetric_forger, forgers, signing
from tests.support.client import logged
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
#: Names of keys that are something else to a file system, a database, a shell or a log.
PATHS = ("../../../../dev/null", "/dev/null", "/etc/passwd", "C:\\NUL", "keys/../key", "file:///")
TEXTS = (
    *("' OR '1'='1", "x'; DROP TABLE auth_user; --", '" UNION SELECT password', "%' ESCAPE '!"),
    *("*)(uid=*))(|(uid=*", "$(id)", "`id`", "| id", "; id", "{{7*7}}", "${jndi:ldap://a.invalid}"),
    *(ATTACKER, "http://169.254.169.254/latest/meta-data", "<script>alert(1)</script>"),
    *("a\r\nSet-Cookie: a=b", "a\nERROR somebody signed in", "\x1b[2J", "k" * 128),
)


def keys_in_a_header(jwk):
    """Every member with which a token could bring its own key (RFC 7515 section 4.1)."""
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
    """A JWE of five segments whose content key is ``key`` (RFC 7516 section 7.1, alg "dir")."""
    protected, nonce = base64url(as_json(header)), os.urandom(12)
    sealed = AESGCM(key).encrypt(nonce, plaintext, protected.encode())
    return ".".join([protected, "", *map(base64url, (nonce, sealed[:-16], sealed[-16:]))])


@pytest.mark.promise(1)
@pytest.mark.attack(35)
def test_a_kid_that_is_a_path_opens_no_file(alice, server):
    for forger in forgers(server):
        # The first refusal of a process may read a catalogue of translations.
        forger.refused(forger.with_header(kid="another"))
        for kid in PATHS:
            # What a file that is empty or known would be a key of.
            for secret in (b"", b"\x00", b"\x00" * 32):
                forger.refused(forger.token(forger.header(kid=kid), sign=hmac_with(secret)))
                assert server.seen.files_and_commands == []
            forger.refused(forger.with_header(kid=kid))


@pytest.mark.promise(1)
@pytest.mark.standard("rfc6749-10.14-1")
@pytest.mark.attack(36)
def test_a_kid_reaches_no_database_no_command_and_no_log(alice, server, caplog):
    for forger in forgers(server):
        forger.refused(forger.with_header(kid="another"))
        caplog.clear()
        caplog.set_level(logging.INFO, "django_tokenauth")
        for kid in TEXTS:
            forger.refused(forger.with_header(kid=kid))
            assert server.seen.files_and_commands == []
        assert {line.rpartition(": ")[2] for line in logged(caplog)} == {"key", "header"}
        assert not [kid for kid in TEXTS if kid in caplog.text]


@pytest.mark.attack(37)
def test_a_kid_that_is_no_short_text_is_refused(alice, server):
    for forger in forgers(server):
        for kid in (None, 0, 17, True, 1.5, [], [forger.kid], {}, {"kid": forger.kid}):
            forger.refused(forger.with_header(kid=kid))
        for kid in ("", "\x00", f"{forger.kid}\x00", "\ud800", "é", "열쇠", "k" * 129, "k" * 5000):
            forger.refused(forger.with_header(kid=kid))
        # Escaped or as it is: a name that the JSON writes otherwise is still the same name.
        spelled = "".join(f"\\u{ord(letter):04x}" for letter in forger.kid)
        text = f'"kid": "{spelled}"'
        assert json.loads(f"{{{text}}}") == {"kid": forger.kid}
        members = json.dumps(forger.header(kid=MISSING))[:-1]
        forger.accepted(forger.token(header=f"{members}, {text}}}".encode()))


@pytest.mark.attack(37)
def test_a_kid_of_100_kilobytes_is_refused(alice, server):
    for forger in forgers(server):
        # As much as a header of this server can be, and more than a body may be.
        forger.refused(forger.with_header(kid="k" * 20_000))


@pytest.mark.standard("rfc9068-4-8")
@pytest.mark.attack(38)
def test_a_token_does_not_bring_its_own_secret(alice, server):
    secret = b"a secret of the attacker, who knows it"
    jwk = {"kty": "oct", "k": base64url(secret), "alg": "HS256"}
    for forger in forgers(server):
        for kid in (forger.kid, "mine", MISSING):
            header = forger.header(kid=kid, jwk={**jwk, "kid": "mine"})
            forger.refused(forger.token(header, sign=hmac_with(secret)))


@pytest.mark.promise(1)
@pytest.mark.standard("rfc9068-4-8")
@pytest.mark.attack(38, 39, 40)
def test_nor_its_own_public_key_nor_an_address_of_one(alice, server, settings):
    for algorithm in ("RS256", "ES256", "EdDSA"):
        forger = asymmetric_forger(server, settings, algorithm)
        mine = private_key(algorithm, 2)
        sign = signing(algorithm, mine)
        forger.refused(forger.with_header(kid="another"))
        for name, value in keys_in_a_header({**public_jwk(mine), "kid": "mine"}).items():
            for kid in (forger.kid, "mine", MISSING):
                forger.refused(forger.token(forger.header(kid=kid, **{name: value}), sign=sign))
                assert server.seen.files_and_commands == []


@pytest.mark.attack(38, 39, 40)
def test_beside_a_good_signature_they_are_not_even_looked_at(alice, server):
    for forger in forgers(server):
        # That nothing was fetched is what the fixture shows when the test is over.
        forger.accepted(forger.with_header(**keys_in_a_header({"kty": "oct", "k": "AAAA"})))
        forger.accepted(forger.with_header(jwk=None, jku=17, x5u=[], x5c="x", x5t={}))


@pytest.mark.attack(41)
def test_what_a_header_calls_critical_is_refused(alice, server):
    for forger in forgers(server):
        for crit in (["x"], ["alg"], [], None, "exp", "", ["exp", "exp"], {"exp": 1}, [1], True):
            forger.refused(forger.with_header(crit=crit))
        forger.refused(forger.with_header(crit=["x"], x=1))


@pytest.mark.attack(42)
def test_so_it_is_when_the_header_has_what_it_names(alice, server):
    for forger in forgers(server):
        forger.refused(forger.with_header(crit=["exp"], exp=forger.members()["exp"]))


@pytest.mark.attack(43)
def test_a_payload_that_is_not_encoded_is_refused(alice, server):
    for forger in forgers(server):
        payload = base64url(as_json(forger.members()))
        for crit in (["b64"], MISSING):
            header = forger.header(b64=False, crit=crit)
            head = base64url(as_json(header))
            # RFC 7797 section 3: the signature is over the payload as it is.
            forger.refused(forger.sealed(head, as_json(forger.members()).decode()))
            forger.refused(forger.sealed(head, payload))


@pytest.mark.attack(43)
def test_a_payload_that_comes_apart_is_refused(alice, server):
    for forger in forgers(server):
        for header in (forger.header(), forger.header(b64=False, crit=["b64"])):
            head, _, signature = forger.token(header=header).split(".")
            forger.refused(f"{head}..{signature}")
        forger.refused(forger.token(payload=b""))


@pytest.mark.attack(44)
def test_whatever_b64_says_it_is_refused(alice, server):
    for forger in forgers(server):
        for b64 in (True, False, 0, 1, "false", "", None, []):
            forger.refused(forger.with_header(b64=b64))
        forger.refused(forger.with_header(b64=True, crit=["b64"]))


@pytest.mark.attack(45)
def test_a_payload_that_is_compressed_is_not_unpacked(alice, server):
    for forger in forgers(server):
        packing = zlib.compressobj(wbits=-15)
        packed = packing.compress(as_json(forger.members())) + packing.flush()
        bomb = zlib.compress(b" " * 4_000_000, 9)
        for alg in ("DEF", "GZIP", "", None, True):
            header = forger.header(zip=alg)
            for payload in (forger.members(), packed, bomb):
                forger.refused(forger.token(header, payload))


@pytest.mark.attack(45)
def test_a_signed_token_that_says_it_is_encrypted_is_refused(alice, server):
    for forger in forgers(server):
        for enc in ("A256GCM", "none", "", None):
            forger.refused(forger.with_header(enc=enc))


@pytest.mark.standard("rfc9068-4-3")
@pytest.mark.attack(46)
def test_an_encrypted_token_is_refused_even_under_our_own_key(alice, server):
    for forger, purpose in zip(forgers(server), ("access token", "refresh token"), strict=True):
        key = derived_secret(django_settings.SECRET_KEY.encode(), purpose)
        direct = forger.header(alg="dir", enc="A256GCM")
        unsigned = compact({"alg": "none"}, forger.members(), lambda _: b"")
        claims = as_json(forger.members())
        for plaintext in (claims, unsigned.encode(), forger.token().encode()):
            for cty in (MISSING, "JWT"):
                forger.refused(
                    encrypted({**direct, "cty": cty} if cty != MISSING else direct, plaintext, key)
                )


@pytest.mark.attack(47)
def test_a_token_cannot_make_the_server_derive_a_key(alice, server):
    # Two thousand million rounds, if it did: then this test would not end.
    costly = {"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2s": "AAAA", "p2c": 2**31}
    for forger in forgers(server):
        segments = [base64url(as_json(costly)), *["AAAA"] * 4]
        forger.refused(".".join(segments), ".".join(segments[:3]), forger.with_header(**costly))


@pytest.mark.attack(48)
def test_a_token_inside_a_token_is_refused(alice, server):
    for forger in forgers(server):
        for cty in ("JWT", "jwt", "at+jwt", "", None):
            for payload in (forger.members(), forger.token().encode()):
                forger.refused(forger.token(forger.header(cty=cty), payload))
        # Without the member that says so it is a payload that is no object.
        forger.refused(forger.token(payload=forger.token().encode()))


@pytest.mark.standard("rfc9068-4-2")
@pytest.mark.attack(49)
def test_a_token_of_another_type_is_refused(alice, server):
    for forger in forgers(server):
        typ = forger.header()["typ"]
        for other in (MISSING, None, 0, 17, True, [], [typ], {}, {"typ": typ}):
            forger.refused(forger.with_header(typ=other))
        for other in ("", "JWT", "jwt", "JOSE", "JOSE+JSON", "application/jwt", "logout+jwt"):
            forger.refused(forger.with_header(typ=other))
        for other in (f"{typ} ", f" {typ}", f"{typ}\n", f"x{typ}", f"{typ}x", f"text/{typ}"):
            forger.refused(forger.with_header(typ=other))
        for other in (f"{typ}; charset=utf-8", f"application/application/{typ}", f"{typ}\x00"):
            forger.refused(forger.with_header(typ=other))


@pytest.mark.attack(49)
def test_so_is_each_kind_in_the_place_of_the_other(alice, server):
    access, refresh = forgers(server)
    access.refused(access.with_header(typ="rt+jwt"))
    refresh.refused(refresh.with_header(typ="at+jwt"))


@pytest.mark.standard("rfc9068-4-2")
@pytest.mark.attack(49)
def test_a_type_is_a_media_type_in_any_case(alice, server):
    for forger in forgers(server):
        typ = forger.header()["typ"]
        for spelled in (typ.upper(), f"application/{typ}", f"Application/{typ.title()}"):
            forger.accepted(forger.with_header(typ=spelled))


@pytest.mark.attack(50)
def test_what_a_header_says_besides_is_ignored(alice, server):
    for forger in forgers(server):
        forger.accepted(forger.with_header(foo={"bar": [1, 2.5, None]}, exp=1, sub="bob", url="x"))
