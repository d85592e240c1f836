"""Keys in a folder, and the state of each key at a given time."""

from __future__ import annotations

from django_tokenauth.keys.files import read_files, unreadable_folder, write_jwk
from django_tokenauth.keys.rotating import State
from tests.support.key_rotations import NOW, key_error, public, put, states


class TestReadFiles:
    def test_read_files_sorts_keys_by_start_of_signing(self, tmp_path):
        put(tmp_path, "c", NOW)
        put(tmp_path, "a", NOW + 5)
        put(tmp_path, "b", NOW - 5)
        assert [file.key.kid for file in read_files(tmp_path)] == ["b", "c", "a"]
        assert read_files(tmp_path)[0].path == tmp_path / "b.jwk"

    def test_read_files_of_missing_folder_returns_an_empty_list(self, tmp_path):
        assert read_files(tmp_path / "none") == []

    def test_read_files_of_unreadable_folder_is_rejected(self, tmp_path):
        (tmp_path / "file").write_text("")
        error = key_error(read_files, tmp_path / "file")
        assert str(error) == f"The key folder {tmp_path}/file cannot be read (Not a directory)."

    def test_hint_for_unreadable_key_folder_refers_to_its_owner(self, tmp_path):
        error = unreadable_folder(tmp_path, PermissionError(13, "Permission denied"))
        assert str(error) == f"The key folder {tmp_path} cannot be read (Permission denied)."
        assert error.hint.startswith("Run this as the user that owns the folder.")

    def test_read_files_with_duplicate_kids_is_rejected(self, tmp_path):
        put(tmp_path, "a")
        put(tmp_path, "b", kid="a")
        assert key_error(read_files, tmp_path).check_id == "E003"


class TestStateOf:
    def test_state_of_returns_the_state_of_each_key(self, tmp_path):
        put(tmp_path, "expired", NOW - 900, exp=NOW)
        put(tmp_path, "before", NOW - 800, exp=NOW + 1)
        put(tmp_path, "signs", NOW)
        put(tmp_path, "next", NOW + 1)
        write_jwk(tmp_path / "public.jwk", {**public(), "kid": "public", "nbf": NOW + 5})
        assert states(tmp_path) == {
            "expired": "expired",
            "before": "verifies",
            "signs": "signs",
            "next": "next",
            "public": "verifies",
        }

    def test_state_of_future_key_is_next_without_signing_key(self, tmp_path):
        put(tmp_path, "next", NOW + 1)
        assert states(tmp_path) == {"next": State.NEXT}

    def test_state_of_started_key_beside_the_signing_key_is_verifies(self, tmp_path):
        for name in ("a", "b"):
            put(tmp_path, name, NOW)
        assert states(tmp_path) == {"a": State.VERIFIES, "b": State.SIGNS}
