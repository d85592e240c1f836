"""The authorization server: the example project in gunicorn, with its users and tokens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from ipaddress import ip_address
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.external.gateways.processes import free_address, running
from tests.external.gateways.programs import KEY_FOLDER
from tests.support.documents import DOCS, ROOT
from tests.support.raw_tokens import compact, hmac_with

PASSWORDS = {"alice": "correct horse", "bob": "battery staple"}
SECRET = "the-secret-of-the-gateway"
TIMEOUT = 30
_USERS = """
import django, sys
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
call_command("migrate", verbosity=0)
for name, password in zip(sys.argv[1::2], sys.argv[2::2]):
    get_user_model().objects.create_user(name, password=password)
call_command("tokenauth_keys", "generate", algorithm="ES256", verbosity=0)
"""


@dataclass(frozen=True)
class AuthorizationServer:
    """A handle of the server, which also listens with TLS.

    ``folder`` has its database, its keys and its certificate.
    """

    address: tuple[str, int]
    tls_address: tuple[str, int]
    folder: Path

    def post(self, path, **parameters):
        connection = HTTPConnection(*self.address, timeout=TIMEOUT)
        body = json.dumps(parameters)
        connection.request("POST", f"/auth/{path}", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = json.loads(response.read())
        connection.close()
        return response.status, content

    def sign_in(self, name="alice", **parameters):
        status, tokens = self.post("token/", username=name, password=PASSWORDS[name], **parameters)
        assert status == 200, tokens
        return tokens

    def sign_out(self, tokens):
        assert self.post("token/revoke/", token=tokens["refresh_token"]) == (200, {})

    def private_jwk(self):
        files = [file.read_text(encoding="utf-8") for file in (self.folder / "keys").iterdir()]
        [jwk] = [json.loads(file) for file in files if '"d"' in file]
        return jwk

    def claims(self, token):
        return jwt.decode(token, options={"verify_signature": False})

    def signed(self, token, *, typ="at+jwt", jwk=None, **changes):
        """Return a copy of *token* with other claims, signed with the server's key or *jwk*."""
        jwk = jwk or self.private_jwk()
        headers = {"kid": jwk["kid"], "typ": typ}
        key = jwt.PyJWK(jwk, algorithm="ES256").key
        return jwt.encode(self._changed(token, changes), key, "ES256", headers)

    def unsigned(self, token):
        """Return a copy of *token* with ``alg`` none and an empty signature."""
        header = {"alg": "none", "kid": self.private_jwk()["kid"], "typ": "at+jwt"}
        return compact(header, self.claims(token), lambda message: b"")

    def signed_with_public_key(self, token):
        """Return a copy of *token* with HS256, and the public key as its secret."""
        header = {"alg": "HS256", "kid": self.private_jwk()["kid"], "typ": "at+jwt"}
        sign = hmac_with((self.folder / "public" / "0.pem").read_bytes())
        return compact(header, self.claims(token), sign)

    def public_keys(self):
        """Publish the public keys with the documented script and return their folder."""
        return publish_keys(self.folder)

    def _changed(self, token, changes):
        claims = {**self.claims(token), **changes}
        return {name: value for name, value in claims.items() if value is not None}

    @contextmanager
    def without_database(self):
        """Rename the folder of the database, so that no query works."""
        database, elsewhere = self.folder / "database", self.folder / "elsewhere"
        database.rename(elsewhere)
        try:
            yield
        finally:
            elsewhere.rename(database)

    def manage(self, *words):
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "django", *words],
            check=True,
            cwd=ROOT,
            env=environment(self.folder),
            stdout=subprocess.PIPE,
        )


@contextmanager
def authorization_server(folder):
    """Run the server with its files in *folder*."""
    for name in ("database", "keys"):
        (folder / name).mkdir()
    users = [word for pair in PASSWORDS.items() for word in pair]
    subprocess.run(  # noqa: S603
        [sys.executable, "-c", _USERS, *users], check=True, cwd=ROOT, env=environment(folder)
    )
    _write_certificate(folder / "certificate.pem")
    with ExitStack() as stack:
        addresses = []
        for name, options in (
            ("http", []),
            ("https", ["--certfile", folder / "certificate.pem"]),
        ):
            addresses.append(address := free_address())
            command = [
                *(sys.executable, "-m", "gunicorn", "example.wsgi:application"),
                *("--bind", "{}:{}".format(*address), "--threads", "8"),
                *("--no-control-socket", "--log-level", "warning", *options),
            ]
            log = folder / f"{name}.log"
            stack.enter_context(running(command, address, log, environment(folder)))
        yield AuthorizationServer(*addresses, folder)


def _write_certificate(file):
    """Write a certificate for 127.0.0.1 with its private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )


def publish_keys(folder):
    """Run the documented script for the keys in *folder*, and return the folder that it writes."""
    public = folder / "public"
    public.mkdir(exist_ok=True)
    script = (DOCS / "gateways" / "haproxy-keys.sh").read_text(encoding="utf-8")
    script = script.replace(KEY_FOLDER, str(public))
    script = script.replace("python manage.py", f"{sys.executable} -m django")
    subprocess.run(["/bin/sh", "-c", script], check=True, cwd=ROOT, env=environment(folder))  # noqa: S603
    return public


def environment(folder):
    inherited = {
        name: value
        for name, value in os.environ.items()
        # Coverage and the development mode would make the processes slow.
        if not name.startswith(("COVERAGE_", "PYTHONDEVMODE"))
    }
    return {
        **inherited,
        "DJANGO_SETTINGS_MODULE": "tests.external.gateways.settings",
        "GATEWAY_SECRET": SECRET,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "example_project")]),
        "TOKENAUTH_GATEWAYS": str(folder),
    }
