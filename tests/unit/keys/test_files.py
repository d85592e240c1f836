"""Key files: reading, writing and listing."""

from __future__ import annotations

import json
import os
import stat
from threading import Thread

import pytest

from django_tokenauth.keys.files import (
    list_files,
    read_file,
    write_jwk,
)
from tests.support.key_folder import key_error, put, put_text
from tests.support.sample_keys import private_jwk, private_key, public_jwk


def another_group():
    """Return a second group of this process, for ``chown``."""
    groups = [4242] if os.geteuid() == 0 else [gid for gid in os.getgroups() if gid != os.getegid()]
    if not groups:
        pytest.skip("this user is in only one group")
    return groups[0]


class TestWriteJwk:
    @pytest.mark.promise(23)
    @pytest.mark.standard("rfc7517-9.2-1")
    def test_first_key_file_ignores_umask_and_has_mode_600(self, tmp_path):
        before = os.umask(0)
        try:
            put(tmp_path)
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "a.jwk").stat().st_mode) == 0o600

    @pytest.mark.promise(23)
    @pytest.mark.parametrize(
        ("mode", "kept"), [(0o600, 0o600), (0o640, 0o640), (0o644, 0o640), (0o400, 0o600)]
    )
    @pytest.mark.parametrize("algorithm", ["EdDSA", "HS256"])
    def test_new_key_file_copies_group_permission_of_key_files(
        self, tmp_path, mode, kept, algorithm
    ):
        put(tmp_path, "a", algorithm)
        (tmp_path / "a.jwk").chmod(mode)
        put(tmp_path, "b", algorithm)
        put(tmp_path, "a", algorithm)
        assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [kept] * 2

    def test_new_key_file_copies_group_of_other_key_files(self, tmp_path):
        put(tmp_path)
        group = another_group()
        os.chown(tmp_path / "a.jwk", -1, group)
        put(tmp_path, "b")
        put(tmp_path)
        assert {path.stat().st_gid for path in tmp_path.iterdir()} == {group}

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of a file")
    def test_key_file_written_by_root_has_owner_of_folder_or_files(self, tmp_path):
        os.chown(tmp_path, 4242, 4242)
        put(tmp_path, "first")
        assert (tmp_path / "first.jwk").stat().st_uid == 4242
        (tmp_path / "first.jwk").unlink()
        os.chown(tmp_path, 0, 0)
        put(tmp_path)
        os.chown(tmp_path / "a.jwk", 4243, 4244)
        put(tmp_path, "b")
        put(tmp_path)
        owners = {(path.stat().st_uid, path.stat().st_gid) for path in tmp_path.iterdir()}
        assert owners == {(4243, 4244)}

    def test_write_jwk_replaces_the_whole_file(self, tmp_path):
        put(tmp_path)
        before = (tmp_path / "a.jwk").stat().st_ino
        jwk = put(tmp_path)
        assert read_file(tmp_path / "a.jwk").jwk == jwk
        assert (tmp_path / "a.jwk").stat().st_ino != before

    def test_write_jwk_writes_one_indented_line_per_member(self, tmp_path):
        write_jwk(tmp_path / "a.jwk", {"kty": "oct", "kid": "a"})
        assert (tmp_path / "a.jwk").read_text() == '{\n "kty": "oct",\n "kid": "a"\n}\n'

    def test_write_jwk_leaves_no_temporary_file(self, tmp_path):
        put(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["a.jwk"]

    def test_failed_write_jwk_leaves_no_draft_and_names_the_file(self, tmp_path):
        (tmp_path / "a.jwk").mkdir()
        with pytest.raises(OSError, match="directory") as caught:
            put(tmp_path)
        assert caught.value.filename == str(tmp_path / "a.jwk")
        assert [path.name for path in tmp_path.iterdir()] == ["a.jwk"]

    @pytest.mark.promise(23)
    def test_reader_never_sees_a_partial_key_file(self, tmp_path):
        jwk = put(tmp_path, algorithm="HS256")
        kids, running = [], True

        def read():
            while running:
                kids.append(read_file(tmp_path / "a.jwk").jwk["kid"])

        reader = Thread(target=read)
        reader.start()
        for _ in range(200):
            write_jwk(tmp_path / "a.jwk", {**jwk, "filler": "x" * 5000})
        running = False
        reader.join()
        assert set(kids) == {"a"}


class TestReadFile:
    @pytest.mark.standard("rfc7517-4-1")
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            '"a"',
            '{"kty": "OKP", "kty": "oct"}',
            b"\xff",
            '{"a": NaN}',
            json.dumps({"a": "x" * 70000}),
        ],
    )
    def test_read_file_error_names_the_key_file_without_json_object(self, tmp_path, text):
        put_text(tmp_path, text)
        assert (
            str(key_error(read_file, tmp_path / "bad.jwk")) == "The key file bad.jwk is not a JWK."
        )

    def test_read_file_reads_key_files_of_up_to_64_kib(self, tmp_path):
        put(tmp_path)
        path = tmp_path / "a.jwk"
        text = path.read_text().rstrip()
        path.write_text(text.rjust(65536))
        assert read_file(path).key.kid == "a"
        path.write_text(text.rjust(65537))
        assert str(key_error(read_file, path)) == "The key file a.jwk is not a JWK."

    def test_key_file_repr_contains_no_private_member(self, tmp_path):
        jwk = put(tmp_path)
        assert jwk["d"] not in repr(read_file(tmp_path / "a.jwk"))

    def test_read_file_error_names_the_key_file_with_short_secret(self, tmp_path):
        jwk = put(tmp_path, "short", "HS256", k="c2hvcnQ")
        error = key_error(read_file, tmp_path / "short.jwk")
        assert str(error).startswith("The key file short.jwk: The secret for HS256 is too short")
        assert error.check_id == "E002"
        assert "at least 32 random bytes" in error.hint
        assert jwk["k"] not in str(error)

    def test_key_file_with_invalid_kid_has_check_id_e003(self, tmp_path):
        put_text(tmp_path, json.dumps({**public_jwk(private_key("EdDSA")), "kid": "ä"}))
        assert key_error(read_file, tmp_path / "bad.jwk").check_id == "E003"

    @pytest.mark.parametrize("algorithm", ["EdDSA", "ES384", "RS256"])
    def test_key_file_algorithm_follows_from_key_pair_type(self, tmp_path, algorithm):
        write_jwk(tmp_path / "a.jwk", private_jwk(private_key(algorithm)))
        assert read_file(tmp_path / "a.jwk").key.algorithm == algorithm

    def test_hmac_key_file_without_alg_uses_hs256(self, tmp_path):
        jwk = put(tmp_path, algorithm="HS512")
        assert read_file(tmp_path / "a.jwk").key.algorithm == "HS512"
        del jwk["alg"]
        write_jwk(tmp_path / "a.jwk", jwk)
        assert read_file(tmp_path / "a.jwk").key.algorithm == "HS256"


class TestListFiles:
    def test_list_files_skips_drafts_and_sorts_key_files_by_name(self, tmp_path):
        for name in ("b.jwk", "a.jwk", ".draft.jwk", "README", "a.jwk.bak"):
            put_text(tmp_path, "{}", name)
        assert list(list_files(tmp_path)) == ["a.jwk", "b.jwk"]

    def test_list_files_follows_symlinks_and_skips_broken_ones(self, tmp_path):
        # Volumes of containers are built of such links.
        put_text(tmp_path, "{}", "elsewhere")
        (tmp_path / "a.jwk").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "b.jwk").symlink_to(tmp_path / "nothing")
        before = list_files(tmp_path)
        assert list(before) == ["a.jwk"]
        put_text(tmp_path, "{} ", "elsewhere")
        assert list_files(tmp_path) != before

    def test_list_files_stamps_a_looping_symlink_with_its_own_inode(self, tmp_path):
        link = tmp_path / "a.jwk"
        link.symlink_to(link)
        assert list_files(tmp_path)["a.jwk"][0] == link.lstat().st_ino

    @pytest.mark.parametrize("change", ["content", "mode", "times"])
    def test_list_files_detects_changed_content_mode_or_time(self, tmp_path, change):
        put_text(tmp_path, "{}", "a.jwk")
        path = tmp_path / "a.jwk"
        before = list_files(tmp_path)
        if change == "content":
            put(tmp_path)
        elif change == "mode":
            path.chmod(0o400)
        else:
            os.utime(path, (1, 1))
        assert list_files(tmp_path) != before
