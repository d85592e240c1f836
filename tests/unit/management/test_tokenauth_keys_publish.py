"""``manage.py tokenauth_keys publish``: PEM files, and drafts that follow no link."""

from __future__ import annotations

import stat

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from django_tokenauth.keys import drafts
from django_tokenauth.keys.files import write_jwk
from django_tokenauth.keys.loading import load_key
from tests.support.keys_command import SECONDS, command_error, put, run
from tests.support.sample_keys import private_key, public_jwk


@pytest.fixture
def folder(tmp_path, settings):
    folder = tmp_path / "keys"
    settings.TOKENAUTH = {"KEY_DIRECTORY": folder}
    return folder


def token(jwk, algorithm):
    return jwt.encode({"sub": "alice"}, jwt.PyJWK(jwk).key, algorithm)


class TestPem:
    @pytest.mark.parametrize("algorithm", ["EdDSA", "ES384", "RS256"])
    def test_published_pem_verifies_a_signature(self, folder, algorithm):
        jwk = put(folder, "a", algorithm=algorithm)
        pem = "\n".join(run("publish", "--format", "pem"))
        assert jwt.decode(token(jwk, algorithm), pem, algorithms=[algorithm]) == {"sub": "alice"}
        assert "PRIVATE" not in pem
        assert f"# kid a, alg {algorithm}" in pem

    def test_published_pem_begins_with_the_signing_key(self, folder, tmp_path):
        put(folder, "old", SECONDS - 50)
        signs = put(folder, "signs")
        put(folder, "next", SECONDS + 60)
        output = tmp_path / "keys.pem"
        assert run("publish", "--format", "pem", "--output", str(output)) == [
            f"Wrote 3 public keys to {output}."
        ]
        blocks = output.read_text().split("# kid ")[1:]
        assert [block.split(",")[0] for block in blocks] == ["signs", "old", "next"]
        first = load_pem_public_key(output.read_bytes())
        assert first == load_key(signs, "EdDSA").public_key

    def test_publish_pem_to_a_folder_writes_one_file_per_key(self, folder, tmp_path):
        jwk = put(folder, "a")
        put(folder, "b", SECONDS + 60)
        output = tmp_path / "pem"
        output.mkdir()
        lines = run("publish", "--format", "pem", "--output", str(output))
        assert lines == [f"Wrote {output / 'a.pem'}.", f"Wrote {output / 'b.pem'}."]
        pem = (output / "a.pem").read_bytes()
        assert jwt.decode(token(jwk, "EdDSA"), pem, algorithms=["EdDSA"]) == {"sub": "alice"}

    def test_publish_pem_to_a_folder_deletes_files_of_expired_keys(self, folder, tmp_path):
        put(folder, "stolen")
        output = tmp_path / "pem"
        output.mkdir()
        (output / "tls.pem").write_text("-----BEGIN CERTIFICATE-----")
        (output / "other.pem").mkdir()
        run("publish", "--format", "pem", "--output", str(output))
        put(folder, "stolen", exp=SECONDS)
        put(folder, "b")
        run("publish", "--format", "pem", "--output", str(output))
        assert sorted(path.name for path in output.iterdir()) == ["b.pem", "other.pem", "tls.pem"]

    @pytest.mark.parametrize("kid", ["../../etc/x", "a/b", "a.b", "a!"])
    def test_publish_pem_to_folder_rejects_kid_unfit_as_file_name(self, folder, tmp_path, kid):
        put(folder, "a", kid=kid)
        output = tmp_path / "pem"
        output.mkdir()
        message = command_error("publish", "--format", "pem", "--output", str(output))
        assert message.startswith(f"The kid {kid!r} cannot be a file name.")
        assert list(output.iterdir()) == []
        assert f"# kid {kid}" in "\n".join(run("publish", "--format", "pem"))

    def test_publish_pem_of_hmac_secrets_is_rejected(self, folder):
        put(folder, "a", algorithm="HS256")
        assert command_error("publish", "--format", "pem").startswith("There is no public key")


class TestDrafts:
    @pytest.mark.promise(23)
    @pytest.mark.parametrize("name", ["victim", "missing"])
    def test_publish_does_not_write_through_a_symlink(self, folder, tmp_path, name):
        """Another user of a shared folder places links at the names of drafts."""
        put(folder, "a")
        output, victim = tmp_path / "jwks.json", tmp_path / "victim"
        victim.write_text("precious")
        for link in (".jwks.json.new", ".jwks.json.tmp", "jwks.json.new", "jwks.json"):
            (tmp_path / link).symlink_to(tmp_path / name)
        run("publish", "--output", str(output))
        assert victim.read_text() == "precious"
        assert not (tmp_path / "missing").exists()
        assert not output.is_symlink()

    @pytest.mark.promise(23)
    @pytest.mark.parametrize("kind", ["link", "file", "broken link"])
    def test_atomic_write_never_reuses_an_existing_draft_file(self, tmp_path, monkeypatch, kind):
        victim = tmp_path / "victim"
        victim.write_text("precious")
        draft = tmp_path / f".{'0' * 16}.json"
        if kind == "file":
            draft.write_text("of another user")
        else:
            draft.symlink_to(victim if kind == "link" else tmp_path / "missing")
        monkeypatch.setattr(drafts.secrets, "token_hex", lambda size: "0" * 2 * size)
        with pytest.raises(FileExistsError):
            drafts.write_atomically(tmp_path / "a.json", b"{}", drafts.Access(None, None, 0o600))
        assert victim.read_text() == "precious"
        assert draft.is_symlink() or draft.read_text() == "of another user"

    def test_publish_keeps_the_mode_of_an_existing_file(self, folder, tmp_path):
        put(folder, "a")
        output = tmp_path / "jwks.json"
        run("publish", "--output", str(output))
        assert stat.S_IMODE(output.stat().st_mode) == 0o644
        output.chmod(0o640)
        run("publish", "--output", str(output))
        assert stat.S_IMODE(output.stat().st_mode) == 0o640

    def test_published_public_key_of_another_service_has_its_kid(self, folder):
        put(folder, "a")
        write_jwk(folder / "b.jwk", {**public_jwk(private_key("ES256")), "kid": "b"})
        assert "# kid b, alg ES256" in run("publish", "--format", "pem")
