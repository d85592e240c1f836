"""Public keys as a JWK Set and as PEM files."""

from __future__ import annotations

import pytest

from django_tokenauth.keys import publishing
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.publishing import public_keys, to_jwks, to_pem, write_pem_files
from django_tokenauth.keys.schedule import make_key_set
from tests.support.key_folder import key_error
from tests.support.raw_tokens import SIGNING_KEY
from tests.support.sample_keys import private_key, public_jwk, public_pem

MARK = "# Public key, written by manage.py tokenauth_keys publish.\n"
SECRET = load_key(SIGNING_KEY, "HS256")


def named(kid):
    return load_key({**public_jwk(private_key("EdDSA")), "kid": kid}, "EdDSA")


@pytest.mark.parametrize(
    ("keys", "message", "hint"),
    [
        ([], "There is no key to publish.", "To create a key, use generate."),
        (
            [SECRET],
            "There is no public key: the keys are secrets (HS256, HS384, HS512).",
            "A service that verifies with a secret can sign with it. Share a key pair instead.",
        ),
    ],
    ids=["no key", "secret"],
)
def test_public_keys_without_a_public_key_are_rejected(keys, message, hint):
    error = key_error(public_keys, make_key_set(None, keys))
    assert (str(error), error.hint) == (message, hint)


def test_jwks_file_has_one_indented_line_per_member():
    key = named("a")
    x = key.public_jwk["x"]
    assert to_jwks([key]) == (
        '{\n  "keys": [\n    {\n      "crv": "Ed25519",\n      "kty": "OKP",\n'
        f'      "x": "{x}",\n      "kid": "a",\n      "alg": "EdDSA",\n      "use": "sig"\n'
        "    }\n  ]\n}\n"
    )


def test_pem_of_several_keys_has_mark_and_kid_before_each_block():
    pem = public_pem(private_key("EdDSA")).decode()
    assert to_pem([named("a"), named("b")]) == (
        f"{MARK}# kid a, alg EdDSA\n{pem}{MARK}# kid b, alg EdDSA\n{pem}"
    )


def test_pem_file_name_is_the_kid_with_letters_of_both_cases(tmp_path):
    assert write_pem_files(tmp_path, [named("Ab_9-")]) == [tmp_path / "Ab_9-.pem"]


def test_pem_file_error_for_unfit_kid_has_a_hint(tmp_path):
    error = key_error(write_pem_files, tmp_path, [named("a/b")])
    assert (str(error), error.hint) == (
        "The kid 'a/b' cannot be a file name.",
        "Use --format pem without a folder, or give the key another kid.",
    )


def test_pem_file_deleted_by_another_process_is_ignored(tmp_path, monkeypatch):
    write_pem_files(tmp_path, [named("old")])
    is_marked = publishing._is_marked

    def deleting(path):
        marked = is_marked(path)
        path.unlink()
        return marked

    monkeypatch.setattr(publishing, "_is_marked", deleting)
    write_pem_files(tmp_path, [named("new")])
    assert [path.name for path in tmp_path.iterdir()] == ["new.pem"]
