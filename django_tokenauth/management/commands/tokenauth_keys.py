"""``manage.py tokenauth_keys``: generate, list, rotate, retire and publish signing keys."""

from __future__ import annotations

import json
import time
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable
from datetime import UTC, datetime
from errno import EEXIST, EISDIR, ENAMETOOLONG, ENOENT, ENOTDIR
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_tokenauth.conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS, Settings, load
from django_tokenauth.errors import InvalidKey
from django_tokenauth.keys import publishing, rotating
from django_tokenauth.keys.confirming import find_problems
from django_tokenauth.keys.directory import POLL_INTERVAL
from django_tokenauth.keys.files import read_files
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.loading import Key, load_key
from django_tokenauth.keys.rotating import MARGIN, Rotation, state_of
from django_tokenauth.keys.schedule import KeySchedule, KeySet
from django_tokenauth.keys.sources import build_access_keys
from django_tokenauth.services.auditing import audit

_Options = dict[str, Any]

# The errors of a path that cannot be a folder.
_NOT_A_FOLDER = {ENOENT, ENOTDIR, EEXIST, ENAMETOOLONG}

EXAMPLES = """\
Examples, from the first key on:

  manage.py tokenauth_keys generate     once: create the first key, which signs at once
  manage.py tokenauth_keys rotate       every few months: create the next key. It is published now
                                        and signs when every service has seen it. The old key
                                        expires after its last token. No restart is needed
  manage.py tokenauth_keys list         show which key signs, which is next, and which have expired
  manage.py tokenauth_keys rotate --now a key was stolen: replace all keys at once
"""


class Command(BaseCommand):
    help = (
        "Generate, list, rotate, retire and publish the keys that sign access tokens.\n"
        "The keys are files in the folder KEY_DIRECTORY of TOKENAUTH."
    )
    # Skip the system checks, which report a missing first key: this command creates the first key.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        def action(name: str, text: str) -> CommandParser:
            parser: CommandParser = actions.add_parser(name, help=text, description=text)
            parser.add_argument(
                "--directory",
                type=_path,
                metavar="FOLDER",
                help="The folder of the keys (default: KEY_DIRECTORY of TOKENAUTH).",
            )
            return parser

        generate = action("generate", "Create a first key, which signs at once.")
        _add_key_options(generate)

        listing = action("list", "Show the keys and the state of each.")
        listing.add_argument("--json", action="store_true", help="Print a list of JSON objects.")

        rotate = action("rotate", "Create the next key, and set the expiry of the older keys.")
        _add_key_options(rotate)
        when = rotate.add_mutually_exclusive_group()
        when.add_argument(
            "--delay",
            type=int,
            metavar="SECONDS",
            help=f"When the key starts to sign (default: in JWKS_MAX_AGE plus {MARGIN} seconds). "
            f"At least JWKS_MAX_AGE plus {2 * POLL_INTERVAL:.0f} seconds.",
        )
        when.add_argument(
            "--now",
            action="store_true",
            help="A key was stolen: the new key signs at once, and all others expire at once. "
            "Services that cache the keys reject its tokens until they fetch the keys again.",
        )

        retire = action(
            "retire",
            "Let a key expire when the last token that it signed has expired. A next key that has "
            "not signed yet expires at once, and the signing key keeps signing.",
        )
        retire.add_argument("kid", metavar="KID", help="The kid of the key, or its beginning.")
        retire.add_argument("--now", action="store_true", help="Let the key expire at once.")

        publish = action(
            "publish", "Print the public keys as a JWK Set (RFC 7517), as jwks.json returns them."
        )
        publish.add_argument(
            "--format",
            choices=("jwks", "pem"),
            default="jwks",
            help="jwks (default), or pem for programs that cannot read JWKs, such as HAProxy: a "
            "PUBLIC KEY block (RFC 7468) for each key.",
        )
        publish.add_argument(
            "--output",
            type=_path,
            metavar="FILE",
            help="Write the keys to FILE. With --format pem, FILE may be an existing folder: a "
            "file KID.pem is written for each key, and the files of earlier keys are deleted.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        actions: dict[str, Callable[..., None]] = {
            "generate": self._generate,
            "list": self._list,
            "rotate": self._rotate,
            "retire": self._retire,
            "publish": self._publish,
        }
        try:
            settings = load()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        try:
            actions[options["action"]](settings, options, time.time())
        except InvalidKey as error:
            raise CommandError(f"{error} {error.hint}".strip()) from None
        except OSError as error:
            message = f"{error.filename}: {error.strerror}."
            if isinstance(error, PermissionError):
                message += " Run the command as the user that owns the folder."
            elif error.errno in _NOT_A_FOLDER:
                message += " Give the path of a folder, in KEY_DIRECTORY or --directory."
            raise CommandError(message) from None

    def _generate(self, settings: Settings, options: _Options, now: float) -> None:
        if options["print"]:
            self._print(settings, options, now=now, not_before=int(now))
            return
        directory = _directory(settings, options)
        new = rotating.generate(directory, settings, options["algorithm"], now=now)
        _audit("keys.generate", new.key)
        self.stdout.write(
            f"Created {new.path}: key {new.key.kid} ({new.key.algorithm}), signs now."
        )
        _confirm(directory, settings, options, now=now, new=new)

    def _rotate(self, settings: Settings, options: _Options, now: float) -> None:
        delay: int | None = options["delay"]
        if options["now"]:
            delay = 0
        elif delay is None:
            delay = rotating.default_delay(settings)
        else:
            rotating.check_delay(settings, delay)
        if options["print"]:
            self._print(settings, options, now=now, not_before=int(now) + delay)
            return
        directory, algorithm = _directory(settings, options), options["algorithm"]
        if options["now"]:
            rotation = rotating.replace_now(directory, settings, algorithm, now=now)
        else:
            rotation = rotating.rotate(directory, settings, algorithm, now=now, delay=delay)
        expiring = (file.key for file in rotation.expiring)
        _audit("keys.replace" if options["now"] else "keys.rotate", rotation.new.key, *expiring)
        self._report(rotation)
        _confirm(
            directory, settings, options, now=now, new=rotation.new, expiring=rotation.expiring
        )

    def _report(self, rotation: Rotation) -> None:
        key = rotation.new.key
        self.stdout.write(
            f"Created {rotation.new.path}: key {key.kid} ({key.algorithm}), signs from "
            f"{_format_time(key.not_before)}."
        )
        for file in rotation.expiring:
            self.stdout.write(f"Expires {_format_time(file.key.expires_at)}: {file.key.kid}")
        for path in rotation.removed:
            self.stdout.write(f"Deleted {path}: its key had expired.")
        for file in rotation.unchanged:
            self.stdout.write(
                f"Unchanged {file.path}: key {file.key.kid} is a public key of another user."
            )
        if rotation.without_expiry:
            kids = ", ".join(file.key.kid for file in rotation.without_expiry)
            raise CommandError(
                f"The new key was created, but the expiry of {kids} could not be written. When the "
                "file is valid and the disk has space, run: manage.py tokenauth_keys retire KID"
            )

    def _retire(self, settings: Settings, options: _Options, now: float) -> None:
        directory = _directory(settings, options)
        retirement = rotating.retire(
            directory, settings, options["kid"], now=now, at_once=options["now"]
        )
        retired = retirement.retired.key
        _audit("keys.retire", retired)
        self.stdout.write(f"Expires {_format_time(retired.expires_at)}: {retired.kid}")
        if retirement.kept_signing is not None:
            self.stdout.write(f"Keeps signing: {retirement.kept_signing.key.kid}")
        _confirm(directory, settings, options, now=now, expiring=[retirement.retired])

    def _list(self, settings: Settings, options: _Options, now: float) -> None:
        keys, listed = _read_keys(settings, options, now)
        if options["json"]:
            rows = [_to_json(key, path, keys, now) for key, path in listed]
            self.stdout.write(json.dumps(rows, indent=2))
            return
        if not listed:
            directory = _directory(settings, options)
            option = f" --directory {directory}" if options["directory"] else ""
            self.stdout.write(
                f"There is no key in {directory}. To create the first one, run manage.py "
                f"tokenauth_keys generate{option}."
            )
            return
        table = [("KID", "ALGORITHM", "STATE", "SIGNS FROM", "VERIFIES UNTIL")]
        table += [
            (
                key.kid,
                key.algorithm,
                str(state_of(key, keys, now)),
                _format_time(key.not_before) if key.can_sign else "never",
                _format_time(key.expires_at),
            )
            for key, _ in listed
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())

    def _publish(self, settings: Settings, options: _Options, now: float) -> None:
        keys = _read_keys(settings, options, now)[0]
        try:
            self._write_public_keys(keys, publishing.public_keys(keys), options)
        except OSError as error:
            message = f"{error.filename} cannot be written: {error.strerror}."
            if error.errno in {*_NOT_A_FOLDER, EISDIR}:
                message += " FILE must be the path of a file in an existing folder."
            raise CommandError(message) from None

    def _write_public_keys(self, current: KeySet, keys: list[Key], options: _Options) -> None:
        noun = "key" if len(keys) == 1 else "keys"
        is_pem = options["format"] == "pem"
        output: Path | None = options["output"]
        if output is not None and is_pem and output.is_dir():
            for path in publishing.write_pem_files(output, keys):
                self.stdout.write(f"Wrote {path}.")
            return
        if is_pem:
            text = publishing.to_pem(publishing.signing_first(keys, current))
        else:
            text = publishing.to_jwks(keys)
        if output is None:
            self.stdout.write(text, ending="")
            return
        publishing.write_file(output, text)
        self.stdout.write(f"Wrote {len(keys)} public {noun} to {output}.")

    def _print(self, settings: Settings, options: _Options, *, now: float, not_before: int) -> None:
        algorithm = options["algorithm"] or _printed_algorithm(settings, options, now)
        jwk = make_jwk(algorithm, now=int(now), not_before=not_before)
        audit("keys.print", count=1, ids=[str(jwk["kid"])])
        self.stdout.write(json.dumps(jwk))
        # The note goes to the standard error, because the standard output may be redirected to a
        # file.
        self.stderr.write(f"In KEYS, the key signs from {_format_time(not_before)}.")


def _path(text: str) -> Path:
    if not text:
        # The path is empty if a shell script uses a variable that is not set. Path("") would be
        # the current folder.
        raise ArgumentTypeError("the path is empty.")
    return Path(text)


def _audit(action: str, *keys: Key) -> None:
    """Send ``audit_event`` about *keys* before the command prints its report, which can fail."""
    audit(action, count=len(keys), ids=[key.kid for key in keys])


def _add_key_options(parser: CommandParser) -> None:
    parser.add_argument(
        "--algorithm",
        choices=(*ASYMMETRIC_ALGORITHMS, *HMAC_ALGORITHMS),
        metavar="NAME",
        help="The algorithm of the key, for example EdDSA, ES256 or RS256 (default: that of the "
        "newest key, otherwise ALGORITHM of TOKENAUTH unless that is HMAC, otherwise EdDSA).",
    )
    parser.add_argument(
        "--print",
        action="store_true",
        help="Write no file: print the private key as a JWK, for the setting KEYS.",
    )


def _directory(settings: Settings, options: _Options) -> Path:
    directory: Path | None = options["directory"] or settings.key_directory
    if directory is None:
        raise InvalidKey(
            "TOKENAUTH has no KEY_DIRECTORY.",
            "Set it, or give --directory. For the setting KEYS, use --print.",
        )
    return directory.absolute()


def _verifiers(settings: Settings, options: _Options) -> list[Key]:
    """Return the keys of ``VERIFYING_KEYS``, or no keys with the option ``--directory``."""
    if options["directory"] is not None:
        return []
    return [load_key(key, settings.algorithm) for key in settings.verifying_keys]


def _confirm(
    directory: Path, settings: Settings, options: _Options, *, now: float, **change: Any
) -> None:
    """Raise ``CommandError`` unless the *change* of the keys will take effect."""
    verifiers = _verifiers(settings, options)
    problems = list(find_problems(directory, verifiers, now=now, **change))
    if problems:
        listed = "".join(f"\n* {problem} {problem.hint}".rstrip() for problem in problems)
        raise CommandError(
            "The files were changed as shown, but a server cannot use all of them. Correct this:"
            f"{listed}\nThen run: manage.py tokenauth_keys list"
        )


def _printed_algorithm(settings: Settings, options: _Options, now: float) -> str:
    # The printed key is for KEYS, so its algorithm follows from KEYS and not from KEY_DIRECTORY.
    keys = [key for key, _ in _read_keys(settings, options, now)[1]] if settings.keys else []
    return rotating.default_algorithm(settings, keys)


def _read_keys(
    settings: Settings, options: _Options, now: float
) -> tuple[KeySet, list[tuple[Key, Path | None]]]:
    """Return the key set at *now*, and the keys to list with their paths.

    Expired keys of a key folder are listed, and expired keys of ``KEYS`` are not.
    """
    listed: list[tuple[Key, Path | None]]
    if options["directory"] is None and settings.key_directory is None:
        keys = build_access_keys(settings).at(now)
        return keys, [(key, None) for key in keys.verifying.values()]
    files = read_files(_directory(settings, options))
    verifiers = _verifiers(settings, options)
    listed = [(file.key, file.path) for file in files]
    listed += [(key, None) for key in verifiers]
    return KeySchedule([file.key for file in files], verifiers).at(now), listed


def _to_json(key: Key, path: Path | None, keys: KeySet, now: float) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "alg": key.algorithm,
        "state": state_of(key, keys, now),
        "private": key.can_sign,
        "nbf": key.not_before,
        "exp": key.expires_at,
        "file": None if path is None else str(path),
    }


def _format_time(seconds: int | None) -> str:
    if seconds is None:
        return "not set"
    if seconds == 0:
        return "always"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
