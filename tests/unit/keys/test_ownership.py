"""Owners and modes of key files, and the files that the server cannot read."""

from __future__ import annotations

import os
import pwd
import stat

import pytest

from django_tokenauth.keys import ownership
from django_tokenauth.keys.drafts import Access
from django_tokenauth.keys.files import read_folder, write_jwk
from django_tokenauth.keys.ownership import (
    ServerUser,
    _closed_to,
    _groups_of,
    _open_as,
    _permits,
    access_for_expiry,
    access_of,
    is_of_other_owner,
    replaced_access,
    unreadable_files,
)
from tests.support.key_folder import NOW, put
from tests.support.other_users import GROUP, NOBODY, SERVER, needs_root, public_folder
from tests.support.sample_keys import private_key, public_jwk


@pytest.fixture
def folder():
    with public_folder() as parent:
        folder = parent / "keys"
        folder.mkdir(mode=0o700)
        yield folder


def put_public(folder, name, mode=0o644):
    write_jwk(folder / f"{name}.jwk", {**public_jwk(private_key("EdDSA")), "kid": name})
    (folder / f"{name}.jwk").chmod(mode)


def access(folder):
    return access_of(folder, read_folder(folder).files.values())


def problems(folder):
    return [str(error) for error in unreadable_files(folder, read_folder(folder).files)]


def owners(folder):
    return {
        path.name: (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode))
        for path in folder.iterdir()
    }


class TestAccessOf:
    def test_new_key_file_ignores_mode_of_public_keys(self, folder):
        put_public(folder, "0", mode=0o644)
        put(folder, "a")
        assert owners(folder)["a.jwk"][2] == 0o600

    @needs_root
    def test_new_key_file_ignores_owner_of_public_keys(self, folder):
        put(folder, "b")
        put_public(folder, "0")
        os.chown(folder / "0.jwk", NOBODY, NOBODY)
        os.chown(folder / "b.jwk", SERVER, GROUP)
        assert access(folder) == Access(SERVER, GROUP, 0o600)

    @needs_root
    @pytest.mark.parametrize(
        ("folder_owner", "owners", "owner"),
        [
            (SERVER, {"a": NOBODY, "b": SERVER, "c": 0}, SERVER),
            (0, {"a": SERVER, "b": 0}, SERVER),
            (0, {"a": 0, "b": 0}, 0),
            (SERVER, {}, SERVER),
            (SERVER, {"a": NOBODY}, SERVER),
            (SERVER, {"a": 0}, SERVER),
        ],
    )
    def test_new_key_file_has_the_server_user_as_owner(self, folder, folder_owner, owners, owner):
        for number, (name, uid) in enumerate(owners.items()):
            put(folder, name, nbf=NOW + number)
            os.chown(folder / f"{name}.jwk", uid, -1)
        os.chown(folder, folder_owner, -1)
        assert access(folder).owner == owner

    @needs_root
    @pytest.mark.parametrize(
        ("mode", "group", "expected"),
        [
            (0o750, GROUP, Access(0, GROUP, 0o640)),
            (0o2770, GROUP, Access(0, GROUP, 0o640)),
            (0o700, GROUP, Access(0, None, 0o600)),
            (0o755, GROUP, Access(0, None, 0o600)),
            (0o750, 0, Access(0, None, 0o600)),
        ],
    )
    def test_first_key_file_copies_group_access_of_a_750_folder(
        self, folder, mode, group, expected
    ):
        os.chown(folder, 0, group)
        folder.chmod(mode)
        assert access(folder) == expected

    def test_retired_key_file_keeps_read_access_of_other_users(self, folder):
        put(folder, "a")
        (folder / "a.jwk").chmod(0o644)
        owner_only = Access(os.geteuid(), None, 0o600)
        assert access_for_expiry(owner_only, folder / "a.jwk") == Access(os.geteuid(), None, 0o604)
        assert access_for_expiry(owner_only, folder / "missing.jwk") == owner_only

    @needs_root
    def test_access_of_prefers_key_of_folder_owner_to_a_newer_key(self, folder):
        for name, owner, begin in (("a", SERVER, NOW - 50), ("b", NOBODY, NOW)):
            put(folder, name, nbf=begin)
            os.chown(folder / f"{name}.jwk", owner, GROUP)
        os.chown(folder, SERVER, GROUP)
        folder.chmod(0o755)
        assert access(folder) == Access(SERVER, GROUP, 0o600)

    @pytest.mark.parametrize(("is_private", "mode"), [(True, 0o640), (False, 0o644)])
    def test_replaced_key_file_keeps_owner_group_and_group_access(self, folder, is_private, mode):
        put_public(folder, "a", mode=0o644)
        status = (folder / "a.jwk").stat()
        assert replaced_access(folder / "a.jwk", is_private=is_private) == Access(
            status.st_uid, status.st_gid, mode
        )

    def test_is_of_other_owner_is_true_for_foreign_public_key(self, folder):
        put_public(folder, "a")
        put(folder, "b")
        public, private = (read_folder(folder).files[name] for name in ("a.jwk", "b.jwk"))
        other = Access(2**30, None, 0o600)
        assert is_of_other_owner(public, other)
        assert not is_of_other_owner(private, other)
        assert not is_of_other_owner(public, access(folder))
        public.path.unlink()
        assert not is_of_other_owner(public, other)

    def test_replaced_public_key_file_has_mode_644(self, folder):
        put_public(folder, "a", mode=0o644)
        put_public(folder, "b", mode=0o444)
        for name in ("a", "b"):
            write_jwk(folder / f"{name}.jwk", {**public_jwk(private_key("EdDSA")), "kid": name})
        assert [mode for _, _, mode in owners(folder).values()] == [0o644, 0o644]


class TestUnreadableFiles:
    def test_key_files_of_one_owner_are_not_reported_as_unreadable(self, folder):
        put(folder, "a")
        put(folder, "b")
        assert problems(folder) == []

    def test_key_file_unreadable_by_the_server_group_is_reported(self, folder):
        put(folder, "a", nbf=NOW - 50)
        put(folder, "b")
        folder.chmod(0o750)
        (folder / "a.jwk").chmod(0o640)
        (folder / "b.jwk").chmod(0o600)
        [problem] = problems(folder)
        group = (folder / "a.jwk").stat().st_gid
        assert f"a member of the group {group}, who cannot read {folder / 'b.jwk'}" in problem
        assert "mode 0600" in problem

    def test_key_file_less_readable_than_other_keys_is_reported(self, folder):
        put(folder, "a")
        put(folder, "b")
        folder.chmod(0o755)
        (folder / "a.jwk").chmod(0o604)
        [problem] = problems(folder)
        assert f"may run as any user, who cannot read {folder / 'b.jwk'}" in problem
        folder.parent.chmod(0o700)
        assert problems(folder) == []

    def test_error_for_unreadable_key_file_has_a_hint(self, folder):
        put(folder, "a", nbf=NOW - 50)
        put(folder, "b")
        folder.chmod(0o750)
        (folder / "a.jwk").chmod(0o640)
        [error] = unreadable_files(folder, read_folder(folder).files)
        assert error.hint == (
            "Correct its owner or its mode: a server that starts now rejects the folder."
        )

    def test_owner_only_key_files_are_not_reported_as_unreadable(self, folder):
        put(folder, "a")
        folder.chmod(0o750)
        assert problems(folder) == []

    @needs_root
    def test_key_file_of_root_beside_key_of_server_user_is_reported(self, folder):
        put(folder, "a")
        put(folder, "b")
        os.chown(folder / "a.jwk", SERVER, GROUP)
        folder.chmod(0o755)
        [problem] = problems(folder)
        assert f"the user {SERVER}, who cannot read {folder / 'b.jwk'}" in problem

    @needs_root
    def test_key_file_of_root_readable_by_server_group_is_accepted(self, folder):
        put(folder, "a", nbf=NOW - 50)
        put(folder, "b")
        os.chown(folder / "a.jwk", SERVER, GROUP)
        os.chown(folder / "b.jwk", 0, GROUP)
        for name in ("a", "b"):
            (folder / f"{name}.jwk").chmod(0o640)
        folder.chmod(0o755)
        assert problems(folder) == []

    @needs_root
    def test_public_key_readable_by_group_of_the_folder_is_accepted(self, folder):
        put_public(folder, "a", mode=0o640)
        os.chown(folder / "a.jwk", 0, GROUP)
        os.chown(folder, SERVER, GROUP)
        assert problems(folder) == []

    @needs_root
    def test_key_file_owner_nobody_is_not_the_server_user(self, folder):
        put(folder, "a", nbf=NOW - 50)
        put(folder, "b")
        for path in (folder, folder / "a.jwk", folder / "b.jwk"):
            os.chown(path, NOBODY, GROUP)
        (folder / "a.jwk").chmod(0o640)
        folder.chmod(0o750)
        [problem] = problems(folder)
        assert f"a member of the group {GROUP}, who cannot read {folder / 'b.jwk'}" in problem

    def test_group_access_is_not_required_in_a_folder_with_mode_700(self, folder):
        put(folder, "a", nbf=NOW - 50)
        put(folder, "b")
        (folder / "a.jwk").chmod(0o640)
        (folder / "b.jwk").chmod(0o600)
        assert problems(folder) == []

    @needs_root
    def test_key_file_of_root_in_folder_of_server_user_is_reported(self, folder):
        put(folder, "a")
        put(folder, "b")
        for path in (folder, folder / "a.jwk"):
            os.chown(path, SERVER, GROUP)
        [problem] = problems(folder)
        assert f"the user {SERVER}, who cannot read {folder / 'b.jwk'} (owner root" in problem

    @needs_root
    def test_key_files_below_an_unreadable_parent_are_reported(self, folder):
        put(folder, "a")
        for path in (folder, folder / "a.jwk"):
            os.chown(path, SERVER, GROUP)
        folder.parent.chmod(0o700)
        assert len(problems(folder)) == 2

    @pytest.mark.parametrize(
        ("uid", "gid", "mode", "denied"),
        [
            (-1, -1, 0o400, False),
            (-1, -1, 0o044, True),
            (2**40, -1, 0o640, False),
            (2**40, -1, 0o604, True),
            (2**40, 2**40, 0o604, False),
            (2**40, 2**40, 0o660, True),
        ],
    )
    def test_file_access_is_read_from_mode_if_no_process_can_start(
        self, folder, uid, gid, mode, denied
    ):
        put(folder, "a")
        path = folder / "a.jwk"
        path.chmod(mode)
        status = path.stat()
        # No process can have the uid or gid 2**40.
        user = ServerUser(
            status.st_uid if uid == -1 else uid, (status.st_gid if gid == -1 else gid, 2**40)
        )
        assert _permits(user, path) is not denied
        folder.chmod(0o755)
        stranger = ServerUser(2**40, (2**40,))
        assert _open_as(stranger, [path]) is None
        assert _closed_to(stranger, [folder, path]) == ([] if mode & 0o004 else [path])

    def test_unknown_server_user_has_the_group_of_the_key_files(self, folder):
        assert str(ServerUser(2**30, ())) == f"the user {2**30}"
        assert _groups_of(2**30, GROUP) == (GROUP,)
        assert not _permits(ServerUser(2**30, (GROUP,)), folder / "missing")

    def test_deleted_key_file_is_reported_without_its_mode(self, folder):
        put(folder, "a")
        put(folder, "b")
        (folder / "a.jwk").chmod(0o640)
        folder.chmod(0o750)
        files = read_folder(folder).files
        (folder / "b.jwk").unlink()
        [message] = [str(error) for error in unreadable_files(folder, files)]
        assert message.endswith(f"who cannot read {folder / 'b.jwk'}.")

    def test_root_as_server_user_can_read_every_file(self, folder):
        assert _closed_to(ServerUser(0, (0,)), [folder / "missing"]) == []

    def test_folder_without_search_permission_is_unreadable(self, folder):
        folder.chmod(0o754)
        assert not _permits(ServerUser(2**30, (GROUP,)), folder)
        folder.chmod(0o755)
        assert _permits(ServerUser(2**30, (GROUP,)), folder)


class TestOpenAs:
    def test_open_as_current_user_keeps_user_and_groups(self, folder):
        put(folder, "a")
        # No process can have this group.
        me = ServerUser(os.geteuid(), (2**40,))
        assert _open_as(me, [folder, folder / "a.jwk", folder / "gone.jwk"]) == [
            folder / "gone.jwk"
        ]

    @needs_root
    def test_open_as_other_user_uses_all_groups_of_the_user(self, folder):
        put(folder, "a")
        os.chown(folder / "a.jwk", 0, GROUP)
        (folder / "a.jwk").chmod(0o640)
        folder.chmod(0o755)
        paths = [folder, folder / "a.jwk"]
        assert _open_as(ServerUser(SERVER, (NOBODY, GROUP)), paths) == []
        assert _open_as(ServerUser(SERVER, (NOBODY,)), paths) == [folder / "a.jwk"]

    @pytest.mark.parametrize("script", ["exit 1", "exec sleep 60"], ids=["failed", "hangs"])
    def test_open_as_returns_none_if_its_process_fails_or_hangs(self, folder, monkeypatch, script):
        monkeypatch.setattr(ownership, "_OPEN_ALL", script)
        monkeypatch.setattr(ownership, "_TIMEOUT", 0.2)
        assert _open_as(ServerUser(os.geteuid(), (os.getegid(),)), [folder]) is None


class TestUsers:
    def test_server_user_with_passwd_entry_has_all_its_groups(self):
        entry = pwd.getpwuid(os.geteuid())
        groups = (entry.pw_gid, *os.getgrouplist(entry.pw_name, entry.pw_gid))
        assert _groups_of(os.geteuid(), 2**30) == groups
        assert str(ServerUser(os.geteuid(), ())) == f"the user {entry.pw_name}"

    def test_server_user_without_user_database_is_shown_as_number(self, monkeypatch):
        monkeypatch.setattr(ownership, "pwd", None)
        assert _groups_of(0, GROUP) == (GROUP,)
        assert str(ServerUser(0, ())) == "the user 0"
