"""``manage.py tokenauth_keys``: a change is in force for the server, or the command fails."""

from __future__ import annotations

import os
import stat

import pytest

from django_tokenauth.keys.directory import POLL_INTERVAL, KeyDirectory
from django_tokenauth.keys.files import read_file, write_jwk
from tests.support.keys_command import SECONDS, command_error, list_keys, put, run
from tests.support.other_users import GROUP, NOBODY, SERVER, needs_root, public_folder, run_as
from tests.support.sample_keys import private_key, public_jwk


@pytest.fixture
def folder(settings):
    """Return the key folder of the settings, which every user can reach."""
    with public_folder() as parent:
        folder = parent / "keys"
        folder.mkdir(mode=0o700)
        settings.TOKENAUTH = {"KEY_DIRECTORY": folder}
        yield folder


def give_to_server(folder):
    for path in (folder, *folder.iterdir()):
        os.chown(path, SERVER, GROUP)


def put_public(folder, name, owner=-1):
    write_jwk(folder / f"{name}.jwk", {**public_jwk(private_key("EdDSA")), "kid": name})
    (folder / f"{name}.jwk").chmod(0o644)
    os.chown(folder / f"{name}.jwk", owner, owner)


def status(path):
    found = path.stat()
    return found.st_ino, found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), path.read_bytes()


def kids_of_server(folder):
    """Return the signing and the verifying kids of a server that starts now."""

    def read():
        keys = KeyDirectory(folder).at(SECONDS)
        return [keys.signing.kid, list(keys.verifying)]

    return run_as(SERVER, GROUP, read)


class TestOwners:
    @needs_root
    @pytest.mark.promise(23)
    @pytest.mark.attack(169)
    def test_rotate_now_by_root_writes_files_readable_by_server(self, folder):
        put(folder, "stolen")
        give_to_server(folder)
        put_public(folder, "0", NOBODY)
        before = status(folder / "0.jwk")
        created, *_, unchanged = run("rotate", "--now")
        new = created.split("key ")[1].split()[0]
        assert kids_of_server(folder) == [new, ["0", new]]
        assert status(folder / "0.jwk") == before
        assert unchanged == (
            f"Unchanged {folder / '0.jwk'}: key 0 is a public key of another user."
        )

    @needs_root
    @pytest.mark.parametrize("action", ["rotate", "generate"])
    def test_rotate_and_generate_by_root_write_server_readable_files(self, folder, action):
        put(folder, "a", exp=SECONDS if action == "generate" else SECONDS + 10**6)
        give_to_server(folder)
        put_public(folder, "0", NOBODY)
        put_public(folder, "1", NOBODY)
        expired = read_file(folder / "1.jwk").jwk
        write_jwk(folder / "1.jwk", {**expired, "exp": SECONDS - 5})
        before = [status(folder / f"{name}.jwk") for name in ("0", "1")]
        run(action)
        assert [status(folder / f"{name}.jwk") for name in ("0", "1")] == before
        assert len(kids_of_server(folder)[1]) == (2 if action == "generate" else 3)

    def test_rotate_now_expires_public_keys_of_the_same_owner(self, folder):
        # An attacker with the rights of the server may have put them there.
        put(folder, "a")
        put_public(folder, "planted")
        run("rotate", "--now")
        assert [row["kid"] for row in list_keys() if row["state"] == "expired"] == ["planted", "a"]

    @needs_root
    @pytest.mark.parametrize("options", [(), ("--now",)])
    def test_retire_of_public_key_of_another_user_is_rejected(self, folder, options):
        put(folder, "a")
        give_to_server(folder)
        put_public(folder, "0", NOBODY)
        before = status(folder / "0.jwk")
        assert command_error("retire", "0", *options) == (
            "The key 0 is a public key of another user, who decides when it expires. To reject "
            "its tokens now, delete its file."
        )
        assert status(folder / "0.jwk") == before

    @needs_root
    @pytest.mark.attack(169)
    def test_rotate_now_expires_key_that_the_server_cannot_read(self, folder):
        put(folder, "stolen", SECONDS - 50)
        put(folder, "b")
        give_to_server(folder)
        running = KeyDirectory(folder)
        running.at(SECONDS)
        os.chown(folder / "stolen.jwk", NOBODY, NOBODY)
        run("rotate", "--now")
        assert status(folder / "stolen.jwk")[1:4] == (SERVER, GROUP, 0o600)
        assert kids_of_server(folder)[1] == list(running.at(SECONDS + POLL_INTERVAL).verifying)

    @needs_root
    @pytest.mark.attack(169)
    def test_rotate_now_fails_if_the_server_cannot_read_a_key_file(self, folder):
        put(folder, "stolen")
        give_to_server(folder)
        running = KeyDirectory(folder)
        running.at(SECONDS)
        put_public(folder, "0", NOBODY)
        (folder / "0.jwk").chmod(0o600)
        message = command_error("rotate", "--now")
        assert f"the user {SERVER}, who cannot read {folder / '0.jwk'}" in message
        assert "stolen" not in running.at(SECONDS + POLL_INTERVAL).verifying


class TestReaders:
    """The server is not the owner of the files."""

    @needs_root
    @pytest.mark.attack(169)
    def test_rotate_now_gives_read_access_to_group_of_older_key(self, folder):
        put(folder, "stolen", SECONDS - 50)
        put(folder, "b")
        for path in (folder, folder / "stolen.jwk"):
            os.chown(path, 0, GROUP)
        folder.chmod(0o750)
        (folder / "stolen.jwk").chmod(0o640)
        # root has copied this one, so that the server cannot read it.
        (folder / "b.jwk").chmod(0o600)
        created, *_ = run("rotate", "--now")
        new = created.split("key ")[1].split()[0]
        assert kids_of_server(folder) == [new, [new]]

    @needs_root
    @pytest.mark.attack(169)
    def test_rotate_now_of_world_readable_key_file_fails(self, folder):
        put(folder, "stolen")
        folder.chmod(0o755)
        (folder / "stolen.jwk").chmod(0o644)
        message = command_error("rotate", "--now")
        assert "can read a private key. The server may run as any user, who cannot read" in message
        assert "(owner root, mode 0640)" in message
        # The server can read the expiry.
        assert run_as(SERVER, GROUP, lambda: read_file(folder / "stolen.jwk").jwk["exp"]) == SECONDS

    @pytest.mark.parametrize("unreadable", [".", ".."])
    def test_rotate_now_accepts_readable_file_in_unreadable_folder(self, folder, unreadable):
        put(folder, "a")
        (folder / "a.jwk").chmod(0o644)
        folder.chmod(0o755)
        (folder / unreadable).chmod(0o700)
        run("rotate", "--now")


class TestBrokenFiles:
    def test_rotate_now_prints_changes_if_a_draft_cannot_be_deleted(self, folder):
        put(folder, "stolen")
        put(folder, "old", exp=SECONDS - 5)
        draft = folder / ".0123456789abcdef.jwk"
        draft.mkdir()
        os.utime(draft, (SECONDS - 3600,) * 2)
        created, expiring, deleted = run("rotate", "--now")
        assert created.startswith("Created")
        assert expiring.endswith("stolen")
        assert "old.jwk" in deleted

    @pytest.mark.parametrize("name", ["0.jwk", "z.jwk"])
    def test_rotate_now_replaces_keys_despite_an_invalid_key_file(self, folder, name):
        put(folder, "stolen")
        running = KeyDirectory(folder)
        running.at(SECONDS)
        (folder / name).write_text('{"kty"')
        message = command_error("rotate", "--now")
        assert message.startswith("The files were changed as shown, but a server cannot use all")
        assert f"* The key file {name} is not a JWK." in message
        keys = running.at(SECONDS + POLL_INTERVAL)
        assert keys.signing.kid not in ("stolen", None)
        assert list(keys.verifying) == [keys.signing.kid]
        assert (folder / name).read_text() == '{"kty"'

    def test_rotate_now_error_lists_each_invalid_key_file(self, folder):
        put(folder, "stolen")
        for name in ("x", "y"):
            (folder / f"{name}.jwk").write_text("{")
        form = "It must be one JSON object (RFC 7517), as manage.py tokenauth_keys writes it."
        assert command_error("rotate", "--now") == (
            "The files were changed as shown, but a server cannot use all of them. Correct this:\n"
            f"* The key file x.jwk is not a JWK. {form}\n"
            f"* The key file y.jwk is not a JWK. {form}\n"
            "Then run: manage.py tokenauth_keys list"
        )

    def test_retire_now_expires_a_key_despite_an_invalid_key_file(self, folder):
        put(folder, "stolen", SECONDS - 50)
        put(folder, "b")
        running = KeyDirectory(folder)
        running.at(SECONDS)
        (folder / "0.jwk").write_text("{")
        assert "* The key file 0.jwk is not a JWK." in command_error("retire", "stolen", "--now")
        assert list(running.at(SECONDS + POLL_INTERVAL).verifying) == ["b"]

    def test_rotate_now_expires_key_pair_beside_an_hmac_secret(self, folder):
        put(folder, "stolen", SECONDS - 50)
        running = KeyDirectory(folder)
        running.at(SECONDS)
        put(folder, "0", algorithm="HS256")
        assert "in one key set" in command_error("rotate", "--now")
        keys = running.at(SECONDS + POLL_INTERVAL)
        assert keys.signing.algorithm == "EdDSA"
        assert list(keys.verifying) == [keys.signing.kid]

    def test_rotate_now_fails_with_two_key_files_of_the_same_kid(self, folder):
        put(folder, "a", kid="k")
        put(folder, "b", kid="k")
        assert "have the same kid" in command_error("rotate", "--now")


class TestSettings:
    def test_rotate_now_fails_with_stolen_key_in_verifying_keys(self, folder, settings):
        stolen = put(folder, "stolen")
        public = {name: stolen[name] for name in ("kty", "crv", "x", "kid", "alg")}
        settings.TOKENAUTH = {"KEY_DIRECTORY": folder, "VERIFYING_KEYS": [public]}
        assert "Two keys have the same kid." in command_error("rotate", "--now")
        # Another folder has nothing to do with the settings.
        run("rotate", "--now", "--directory", str(folder))
