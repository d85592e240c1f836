"""KeyDirectory: the key folder, polled by a running process."""

from __future__ import annotations

from threading import Thread

import pytest

from django_tokenauth.keys import files as key_files
from django_tokenauth.keys.directory import POLL_INTERVAL, KeyDirectory
from django_tokenauth.keys.files import write_jwk
from django_tokenauth.keys.loading import load_key
from tests.support.key_folder import NOW, Clock, key_error, put, put_text
from tests.support.sample_keys import private_jwk, private_key


class TestInit:
    def test_key_directory_signs_with_newest_started_key(self, tmp_path):
        put(tmp_path, "a", nbf=NOW - 200)
        put(tmp_path, "b", nbf=NOW - 100)
        put(tmp_path, "c", nbf=NOW + 100)
        keys = KeyDirectory(tmp_path).at(NOW)
        assert (keys.signing.kid, list(keys.verifying)) == ("b", ["a", "b", "c"])

    def test_verifying_keys_beside_a_key_directory_only_verify(self, tmp_path):
        put(tmp_path, "a")
        verifying_key = load_key({**private_jwk(private_key("EdDSA")), "kid": "z"}, "EdDSA")
        keys = KeyDirectory(tmp_path, [verifying_key]).at(NOW)
        assert (keys.signing.kid, list(keys.verifying)) == ("a", ["a", "z"])

    def test_missing_key_directory_is_rejected_with_hint(self, tmp_path):
        error = key_error(KeyDirectory, tmp_path / "missing")
        assert str(error) == (
            f"The key folder {tmp_path}/missing cannot be read (No such file or directory)."
        )
        assert "tokenauth_keys generate" in error.hint

    def test_empty_key_directory_is_rejected_with_hint(self, tmp_path):
        error = key_error(KeyDirectory, tmp_path)
        assert str(error) == "There is no key file in KEY_DIRECTORY."
        assert error.hint == "Create a first key: manage.py tokenauth_keys generate"

    @pytest.mark.standard("rfc7517-5-4")
    def test_key_directory_with_one_invalid_file_is_rejected(self, tmp_path):
        put(tmp_path)
        put_text(tmp_path, "{")
        assert "bad.jwk" in str(key_error(KeyDirectory, tmp_path))

    @pytest.mark.standard("rfc7517-4.5-1")
    @pytest.mark.attack(9, 15)
    def test_key_directory_with_duplicate_or_mixed_keys_is_rejected(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", kid="a")
        assert key_error(KeyDirectory, tmp_path).check_id == "E003"
        put(tmp_path, "b", "HS256")
        assert key_error(KeyDirectory, tmp_path).check_id == "E001"

    def test_key_directory_with_kid_of_a_verifying_key_is_rejected(self, tmp_path):
        put(tmp_path, "a")
        verifying_key = load_key({**private_jwk(private_key("EdDSA")), "kid": "a"}, "EdDSA")
        assert key_error(KeyDirectory, tmp_path, [verifying_key]).check_id == "E003"


class TestAt:
    def test_new_key_file_is_loaded_by_next_poll(self, tmp_path):
        put(tmp_path, "a")
        clock = Clock(tmp_path)
        assert clock.kids() == ["a"]
        put(tmp_path, "b")
        assert clock.kids() == ["a", "b"]

    def test_key_directory_is_not_read_before_poll_interval(self, tmp_path):
        put(tmp_path, "a")
        clock = Clock(tmp_path)
        assert clock.kids() == ["a"]
        put(tmp_path, "b")
        assert clock.kids(POLL_INTERVAL - 0.1) == ["a"]
        assert clock.kids(0.1) == ["a", "b"]

    def test_key_directory_is_polled_after_clock_is_set_back(self, tmp_path):
        put(tmp_path, "a")
        clock = Clock(tmp_path)
        assert clock.kids() == ["a"]
        put(tmp_path, "b")
        assert clock.kids(-3600) == ["a", "b"]

    def test_unchanged_key_directory_returns_same_key_set(self, tmp_path):
        put(tmp_path)
        clock = Clock(tmp_path)
        assert clock.advance() is clock.advance()

    @pytest.mark.promise(20)
    @pytest.mark.attack(168, 169)
    def test_deleted_key_file_removes_its_key(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b")
        clock = Clock(tmp_path)
        assert clock.kids() == ["a", "b"]
        (tmp_path / "b.jwk").unlink()
        assert clock.kids() == ["a"]

    def test_exp_added_to_a_key_file_expires_its_key(self, tmp_path):
        jwk = put(tmp_path, "a")
        clock = Clock(tmp_path)
        assert clock.kids() == ["a"]
        write_jwk(tmp_path / "a.jwk", {**jwk, "exp": NOW})
        assert clock.kids() == []

    def test_key_with_new_exp_is_not_loaded_again(self, tmp_path, monkeypatch):
        jwk = put(tmp_path, "a")
        clock = Clock(tmp_path)
        before = clock.advance().verifying["a"]
        monkeypatch.delattr(key_files, "load_key")
        write_jwk(tmp_path / "a.jwk", {**jwk, "exp": NOW + 10**6})
        after = clock.advance().verifying["a"]
        assert after.expires_at == NOW + 10**6
        assert after.verify(b"message", before.sign(b"message"))

    def test_new_key_under_same_kid_is_loaded(self, tmp_path):
        put(tmp_path, "a")
        clock = Clock(tmp_path)
        before = clock.advance().verifying["a"]
        put(tmp_path, "a")
        assert not clock.advance().verifying["a"].verify(b"message", before.sign(b"message"))

    def test_unchanged_key_file_is_not_loaded_again(self, tmp_path):
        put(tmp_path, "a")
        clock = Clock(tmp_path)
        before = clock.advance().verifying["a"]
        put(tmp_path, "b")
        assert clock.advance().verifying["a"] is before

    def test_key_directory_returns_keys_to_all_threads(self, tmp_path):
        put(tmp_path, "a")
        directory, key_sets = KeyDirectory(tmp_path), []
        threads = [
            Thread(target=lambda at=at: key_sets.append(directory.at(NOW + at * POLL_INTERVAL)))
            for at in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {tuple(keys.verifying) for keys in key_sets} == {("a",)}
        assert len(key_sets) == 16
