"""find_problems: the reasons for which a change of the key folder is not in force."""

from __future__ import annotations

import os

import pytest

from django_tokenauth.keys.confirming import find_problems
from django_tokenauth.keys.files import read_file
from tests.support.key_folder import NOW, key_error, put


@pytest.fixture
def files(tmp_path):
    put(tmp_path, "a", nbf=NOW - 50)
    put(tmp_path, "b", nbf=NOW - 10)
    return {name: read_file(tmp_path / f"{name}.jwk") for name in ("a", "b")}


def problems(folder, *verifiers, **change):
    return [str(problem) for problem in find_problems(folder, verifiers, now=NOW, **change)]


@pytest.mark.parametrize("expiry", [NOW, NOW + 50])
def test_completed_key_change_has_no_problem(tmp_path, files, expiry):
    jwk = put(tmp_path, "c", exp=expiry)
    file = read_file(tmp_path / "c.jwk")
    assert jwk["exp"] == file.key.expires_at
    assert problems(tmp_path, new=files["b"], expiring=[file]) == []


def test_key_change_without_written_exp_is_a_problem(tmp_path, files):
    assert problems(tmp_path, expiring=[files["a"]]) == [
        "The key a still verifies after its expiry."
    ]


def test_key_change_problems_have_hints(tmp_path, files):
    change = {"new": files["a"], "expiring": [files["a"]]}
    assert [problem.hint for problem in find_problems(tmp_path, [], now=NOW, **change)] == [
        "Remove it from VERIFYING_KEYS, or run the command again.",
        "To show all keys, use list.",
    ]


def test_key_change_with_deleted_key_file_has_no_problem(tmp_path, files):
    files["a"].path.unlink()
    assert problems(tmp_path, expiring=[files["a"]]) == []


def test_deleted_key_in_verifying_keys_is_a_problem(tmp_path, files):
    files["a"].path.unlink()
    assert problems(tmp_path, files["a"].key, expiring=[files["a"]]) == [
        "The key a still verifies after its expiry."
    ]


def test_new_key_that_does_not_sign_is_a_problem(tmp_path, files):
    assert problems(tmp_path, new=files["a"]) == ["The new key a does not sign."]


def test_key_folder_without_a_signing_key_is_a_problem(tmp_path, files):
    for file in files.values():
        file.path.unlink()
    assert problems(tmp_path, new=files["a"]) == ["The new key a does not sign."]


def test_unreadable_key_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be read" in str(key_error(problems, tmp_path / "file"))


def test_key_folder_with_secret_and_key_pairs_is_a_problem(tmp_path, files):
    put(tmp_path, "secret", "HS256")
    assert "in one key set" in problems(tmp_path, new=files["b"])[0]
    assert os.path.lexists(tmp_path / "secret.jwk")
