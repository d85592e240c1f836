"""KeyDirectory: a file with an error changes nothing in the other files."""

from __future__ import annotations

import errno
import json
import logging
import os

import pytest

from django_tokenauth.keys import directory as key_directory
from django_tokenauth.keys.files import write_jwk
from django_tokenauth.keys.loading import load_key
from tests.support.key_folder import NOW, Clock, key_error, put, put_text
from tests.support.other_users import NOBODY, needs_root, public_folder, run_as
from tests.support.sample_keys import private_jwk, private_key


def truncated(path):
    path.write_text('{"kty": "OKP", "d"')


def linked_to_itself(path):
    path.unlink(missing_ok=True)
    path.symlink_to(path)


def linked_below_a_file(path):
    path.unlink(missing_ok=True)
    (path.parent / "file").write_text("")
    path.symlink_to(path.parent / "file" / "below")


def folder(path):
    path.unlink(missing_ok=True)
    path.mkdir()


def pipe(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def oversized(path):
    path.write_text(" " * 70000 + "{}")


ERRORS = pytest.mark.parametrize(
    "break_file", [truncated, linked_to_itself, linked_below_a_file, folder, pipe, oversized]
)


class TestOtherFiles:
    """One file has an error. The others are followed."""

    @pytest.fixture
    def jwks(self, tmp_path):
        return {name: put(tmp_path, name) for name in ("a", "stolen", "z")}

    @pytest.fixture
    def clock(self, jwks, tmp_path):
        clock = Clock(tmp_path)
        assert clock.kids() == ["a", "stolen", "z"]
        return clock

    @pytest.mark.promise(20)
    @pytest.mark.attack(169)
    @ERRORS
    @pytest.mark.parametrize("broken", ["0new", "a", "z", "zz-new"])
    def test_earlier_exp_applies_despite_an_invalid_key_file(
        self, clock, jwks, tmp_path, break_file, broken
    ):
        break_file(tmp_path / f"{broken}.jwk")
        write_jwk(tmp_path / "stolen.jwk", {**jwks["stolen"], "exp": NOW})
        assert clock.kids() == ["a", "z"]

    @pytest.mark.promise(20)
    @pytest.mark.attack(169)
    @ERRORS
    @pytest.mark.parametrize("broken", ["0new", "a", "z", "zz-new"])
    def test_deleted_key_is_removed_despite_an_invalid_key_file(
        self, clock, tmp_path, break_file, broken
    ):
        break_file(tmp_path / f"{broken}.jwk")
        (tmp_path / "stolen.jwk").unlink()
        assert clock.kids() == ["a", "z"]

    @ERRORS
    def test_replaced_key_is_removed_despite_an_invalid_key_file(self, clock, tmp_path, break_file):
        break_file(tmp_path / "a.jwk")
        put(tmp_path, "stolen", kid="successor")
        assert clock.kids() == ["a", "z", "successor"]

    @ERRORS
    def test_invalid_key_file_adds_no_key_and_prevents_server_start(
        self, clock, tmp_path, break_file
    ):
        break_file(tmp_path / "bad.jwk")
        before = clock.advance()
        assert clock.advance() is before
        assert "bad.jwk" in str(key_error(Clock, tmp_path))


class TestFolder:
    """The folder has an error."""

    @pytest.fixture
    def folder(self):
        with public_folder() as parent:
            folder = parent / "keys"
            folder.mkdir(mode=0o755)
            for name in ("a", "b"):
                put(folder, name)
                (folder / f"{name}.jwk").chmod(0o644)
            yield folder

    def test_key_folder_with_symlink_loop_keeps_the_loaded_keys(self, folder, caplog):
        clock = Clock(folder)
        folder.rename(folder.with_name("moved"))
        folder.symlink_to(folder)
        assert clock.kids() == ["a", "b"]
        assert clock.kids() == ["a", "b"]
        assert f"The key folder {folder} cannot be read (Too many levels" in caplog.text
        folder.unlink()
        folder.with_name("moved").rename(folder)
        (folder / "b.jwk").unlink()
        assert clock.kids() == ["a"]

    @needs_root
    @pytest.mark.parametrize("mode", [0o711, 0o744], ids=["not listable", "not searchable"])
    def test_deleted_key_is_removed_in_a_folder_with_wrong_mode(self, folder, mode):
        clock = Clock(folder)
        clock.advance()
        folder.chmod(mode)
        (folder / "b.jwk").unlink()
        assert run_as(NOBODY, NOBODY, clock.kids) == ["a"]

    @needs_root
    @pytest.mark.parametrize("broken", ["0", "a", "z"])
    def test_earlier_exp_applies_despite_an_unreadable_key_file(self, folder, broken):
        jwk = put(folder, "stolen")
        (folder / "stolen.jwk").chmod(0o644)
        clock = Clock(folder)
        clock.advance()
        put(folder, broken, nbf=NOW - 500)
        (folder / f"{broken}.jwk").chmod(0o600)
        write_jwk(folder / "stolen.jwk", {**jwk, "exp": NOW})
        (folder / "stolen.jwk").chmod(0o644)
        assert run_as(NOBODY, NOBODY, clock.kids) == ["a", "b"]


class TestRejectedContent:
    """A complete JSON object that is no usable key."""

    @pytest.fixture
    def clock(self, tmp_path):
        self.jwk = put(tmp_path, "a")
        put(tmp_path, "b")
        clock = Clock(tmp_path)
        clock.advance()
        return clock

    def rewrite(self, tmp_path, **changes):
        put_text(tmp_path, json.dumps({**self.jwk, **changes}), "a.jwk")

    def test_key_keeps_its_exp_if_the_new_exp_is_malformed(self, clock, tmp_path):
        self.rewrite(tmp_path, exp="tomorrow")
        assert clock.kids() == ["a", "b"]

    def test_earlier_exp_applies_despite_a_malformed_nbf(self, clock, tmp_path):
        self.rewrite(tmp_path, nbf="x", exp=NOW + 10**6)
        assert clock.advance().verifying["a"].expires_at == NOW + 10**6
        self.rewrite(tmp_path, nbf="x", exp=NOW + 10**7)
        assert clock.advance().verifying["a"].expires_at == NOW + 10**6
        self.rewrite(tmp_path, nbf="x", exp=NOW)
        assert clock.kids() == ["b"]

    @pytest.mark.parametrize("text", ["{}", '{"kty": "OKP"}'])
    def test_json_object_without_key_removes_the_loaded_key(self, clock, tmp_path, text):
        put_text(tmp_path, text, "a.jwk")
        assert clock.kids() == ["b"]

    def test_key_changed_to_use_enc_is_removed(self, clock, tmp_path):
        self.rewrite(tmp_path, use="enc")
        assert clock.kids() == ["b"]


class TestConflicts:
    """A readable file does not fit the keys in use."""

    @pytest.fixture
    def clock(self, tmp_path):
        put(tmp_path, "k")
        clock = Clock(tmp_path)
        clock.advance()
        return clock

    @pytest.mark.parametrize("name", ["a", "z"])
    def test_second_key_file_with_same_kid_does_not_replace_the_key(self, clock, tmp_path, name):
        before = clock.advance().verifying["k"]
        put(tmp_path, name, kid="k")
        for _ in range(3):
            assert clock.advance().verifying["k"] is before

    @pytest.mark.parametrize("name", ["a", "z"])
    def test_earlier_exp_of_two_key_files_with_same_kid_applies(self, clock, tmp_path, name):
        put(tmp_path, name, kid="k", exp=NOW)
        assert clock.kids() == []
        # The next rotation deletes the file of the expired key.
        (tmp_path / f"{name}.jwk").unlink()
        assert clock.kids() == []
        put(tmp_path, name, kid="k", exp=NOW + 10**6)
        assert clock.kids() == []

    @pytest.mark.parametrize("exp", [{"exp": NOW + 10**6}, {}], ids=["later", "none"])
    @pytest.mark.parametrize("name", ["a", "z"])
    def test_later_exp_of_second_key_file_with_same_kid_is_ignored(self, tmp_path, name, exp):
        put(tmp_path, "k", exp=NOW + 1000)
        clock = Clock(tmp_path)
        put(tmp_path, name, kid="k", **exp)
        assert clock.advance().verifying["k"].expires_at == NOW + 1000

    def test_rejected_hmac_file_does_not_block_removal_of_a_key(self, clock, tmp_path):
        put(tmp_path, "secret", "HS256")
        put(tmp_path, "next")
        assert clock.kids() == ["k", "next"]
        (tmp_path / "k.jwk").unlink()
        assert clock.kids() == ["next"]

    def test_key_folder_can_change_from_key_pair_to_hmac_secret(self, clock, tmp_path):
        (tmp_path / "k.jwk").unlink()
        put(tmp_path, "secret", "HS256")
        assert clock.kids() == ["secret"]

    def test_key_file_does_not_replace_verifying_key_with_same_kid(self, tmp_path):
        put(tmp_path, "a")
        verifying_key = load_key({**private_jwk(private_key("EdDSA")), "kid": "z"}, "EdDSA")
        clock = Clock(tmp_path, [verifying_key])
        put(tmp_path, "b", kid="z")
        put(tmp_path, "c")
        keys = clock.advance()
        assert (keys.verifying["z"], list(keys.verifying)) == (verifying_key, ["a", "c", "z"])


class TestAtWithErrors:
    @pytest.fixture
    def clock(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b")
        clock = Clock(tmp_path)
        clock.advance()
        return clock

    def errors(self, caplog):
        return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]

    def test_invalid_key_file_keeps_old_keys_and_is_logged_once(self, clock, tmp_path, caplog):
        put_text(tmp_path, "{")
        before = clock.advance()
        assert clock.advance() is before
        assert list(before.verifying) == ["a", "b"]
        [message] = self.errors(caplog)
        assert message.startswith("Key folder error: The key file bad.jwk is not a JWK. It must")
        assert caplog.records[-1].name == "django_tokenauth"

    def test_new_key_signs_despite_an_invalid_key_file(self, clock, tmp_path, caplog):
        put_text(tmp_path, "{")
        put(tmp_path, "c", nbf=NOW)
        keys = clock.advance()
        assert (keys.signing.kid, list(keys.verifying)) == ("c", ["a", "b", "c"])
        assert len(self.errors(caplog)) == 1

    def test_key_of_repaired_file_is_loaded(self, clock, tmp_path):
        put_text(tmp_path, "{", "c.jwk")
        assert clock.kids() == ["a", "b"]
        put(tmp_path, "c")
        assert clock.kids() == ["a", "b", "c"]

    def test_recurring_invalid_key_file_is_logged_again(self, clock, tmp_path, caplog):
        for _ in range(2):
            put_text(tmp_path, "{")
            clock.advance()
            (tmp_path / "bad.jwk").unlink()
            clock.advance()
        assert len(self.errors(caplog)) == 2

    @pytest.mark.attack(169)
    def test_deleted_key_is_removed_despite_invalid_file(self, clock, tmp_path):
        put_text(tmp_path, "{")
        assert clock.kids() == ["a", "b"]
        (tmp_path / "b.jwk").unlink()
        assert clock.kids() == ["a"]

    def test_key_file_that_becomes_malformed_json_keeps_its_key(self, clock, tmp_path):
        put_text(tmp_path, "{", "b.jwk")
        assert clock.kids() == ["a", "b"]

    def test_new_hmac_key_beside_key_pairs_is_not_loaded(self, clock, tmp_path, caplog):
        put(tmp_path, "c", "HS256")
        assert clock.kids() == ["a", "b"]
        [message] = self.errors(caplog)
        assert message == (
            "Key folder error: The key file c.jwk is not used. Secrets (HS256, HS384, HS512) and "
            "key pairs are in one key set. Set ALGORITHM and SIGNING_KEY for one family and "
            "remove the keys of the other."
        )

    def test_missing_key_directory_keeps_old_keys(self, clock, tmp_path, caplog):
        moved = tmp_path.with_name(f"{tmp_path.name}-away")
        tmp_path.rename(moved)
        assert clock.kids() == ["a", "b"]
        assert clock.kids() == ["a", "b"]
        [error] = self.errors(caplog)
        assert error == (
            f"Key folder error: The key folder {tmp_path} cannot be read (No such file "
            "or directory)."
        )
        moved.rename(tmp_path)
        put(tmp_path, "c")
        assert clock.kids() == ["a", "b", "c"]

    def test_unlistable_key_directory_is_logged_once_and_keeps_keys(
        self, clock, tmp_path, caplog, monkeypatch
    ):
        def listing(directory):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(key_directory, "list_files", listing)
        assert clock.kids() == clock.kids() == ["a", "b"]
        assert self.errors(caplog) == [
            f"Key folder error: The key folder {tmp_path} cannot be read (Permission denied)."
        ]

    def test_emptied_key_directory_leaves_no_keys(self, clock, tmp_path):
        for path in tmp_path.iterdir():
            path.unlink()
        keys = clock.advance()
        assert (keys.signing, dict(keys.verifying)) == (None, {})
