"""Write the public keys for other programs: as a JWK Set (RFC 7517), or as PEM (RFC 7468)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import InvalidKey
from .drafts import PERMISSIONS, Access, write_atomically
from .loading import Key
from .schedule import KeySet

try:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError:
    # Without the package cryptography, no public key can be loaded.
    Encoding = PublicFormat = None  # type: ignore[assignment,misc]

# Marks the PEM files that write_pem_files() may delete. Programs ignore text before a PEM block.
_MARK = "# Public key, written by manage.py tokenauth_keys publish."
_SUFFIX = ".pem"
# All users may read a public key.
_MODE = 0o644
# The kid of another service's key may contain a path, so only a plain file name is accepted.
_FILE_NAME = re.compile(r"[A-Za-z0-9_-]+")


def public_keys(keys: KeySet) -> list[Key]:
    """Return the public keys of *keys*, in the order in which they sign.

    Raises :class:`InvalidKey` if *keys* contains no public key.
    """
    if not keys.verifying:
        raise InvalidKey("There is no key to publish.", "To create a key, use generate.")
    public = [key for key in keys.verifying.values() if key.public_jwk is not None]
    if not public:
        raise InvalidKey(
            "There is no public key: the keys are secrets (HS256, HS384, HS512).",
            "A service that verifies with a secret can sign with it. Share a key pair instead.",
        )
    return public


def to_jwks(keys: Iterable[Key]) -> str:
    """Return *keys* as a JWK Set (RFC 7517 section 5)."""
    return json.dumps({"keys": [dict(key.public_jwk or {}) for key in keys]}, indent=2) + "\n"


def signing_first(public: Iterable[Key], keys: KeySet) -> list[Key]:
    """Return *public* with the signing key first: some programs read only one PEM block."""
    return sorted(public, key=lambda key: key is not keys.signing)


def to_pem(keys: Iterable[Key]) -> str:
    """Return *keys* as PEM blocks ``PUBLIC KEY`` (RFC 7468 section 13), each after its ``kid``."""
    return "".join(
        f"{_MARK}\n# kid {key.kid}, alg {key.algorithm}\n"
        + key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        for key in keys
    )


def write_file(path: Path, text: str) -> None:
    """Write *text* to *path*, atomically. Raises ``OSError``.

    An existing file keeps its mode.
    """
    mode = _MODE
    with suppress(OSError):
        mode = path.stat().st_mode
    access = Access(None, None, 0o600 | (mode & PERMISSIONS))
    write_atomically(path, text.encode(), access)


def write_pem_files(folder: Path, keys: Iterable[Key]) -> list[Path]:
    """Write each of *keys* to the file ``KID.pem`` in *folder*, and return the paths.

    Files of earlier calls whose keys are not among *keys* are deleted first, because programs
    accept the key in each file. Raises :class:`InvalidKey` for a ``kid`` that cannot be a file
    name, and ``OSError``.
    """
    named = {}
    for key in keys:
        if not _FILE_NAME.fullmatch(key.kid):
            raise InvalidKey(
                f"The kid {key.kid!r} cannot be a file name.",
                "Use --format pem without a folder, or give the key another kid.",
            )
        named[folder / f"{key.kid}{_SUFFIX}"] = key
    for path in folder.glob(f"*{_SUFFIX}"):
        if path not in named and _is_marked(path):
            path.unlink(missing_ok=True)
    for path, key in named.items():
        write_file(path, to_pem([key]))
    return list(named)


def _is_marked(path: Path) -> bool:
    mark = _MARK.encode()
    with suppress(OSError), path.open("rb") as file:
        return file.read(len(mark)) == mark
    return False
