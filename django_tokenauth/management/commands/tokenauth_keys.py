from __future__ import annotations

import json
import time
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_tokenauth.conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS, Settings, load
from django_tokenauth.errors import InvalidKey
from django_tokenauth.keys import rotating as key_rotation
from django_tokenauth.keys.directory import POLL_INTERVAL
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.loading import Key, load_key
from django_tokenauth.keys.rotating import MARGIN, Rotation, read_files, state_of
from django_tokenauth.keys.schedule import KeySchedule, KeySet
from django_tokenauth.keys.sources import build_access_keys

_Options = dict[str, Any]

EXAMPLES = """\
A folder of keys, from the first one on:

  manage.py tokenauth_keys generate     once: makes the first key, which signs at once
  manage.py tokenauth_keys rotate       every few months: makes the next key. It is published now
                                        and signs when all others have seen it; the key before it
                                        ends when its last token has expired. No restart is needed
  manage.py tokenauth_keys list         which key signs, which is next, which has ended
  manage.py tokenauth_keys rotate --now a key was stolen: replaces all of them at once
"""


class Command(BaseCommand):
    help = (
        "Make, list, rotate, retire and publish the keys that sign access tokens. The keys are "
        "files in the folder KEY_DIRECTORY of TOKENAUTH."
    )
    # They report a missing first key, which is what this command makes.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        def action(name: str, text: str) -> CommandParser:
            parser: CommandParser = actions.add_parser(name, help=text, description=text)
            parser.add_argument(
                "--directory",
                type=Path,
                metavar="FOLDER",
                help="The folder of the keys (default: KEY_DIRECTORY of TOKENAUTH).",
            )
            return parser

        generate = action("generate", "Make a first key, which signs at once.")
        _making_options(generate)

        listing = action("list", "Show the keys and what each of them does.")
        listing.add_argument("--json", action="store_true", help="Print a list of JSON objects.")

        rotate = action("rotate", "Make the next key, and end the others when it has taken over.")
        _making_options(rotate)
        when = rotate.add_mutually_exclusive_group()
        when.add_argument(
            "--delay",
            type=int,
            metavar="SECONDS",
            help="When the key begins to sign, from now on (default: JWKS_MAX_AGE and "
            f"{MARGIN} seconds more). Not less than JWKS_MAX_AGE and "
            f"{2 * POLL_INTERVAL:.0f} seconds.",
        )
        when.add_argument(
            "--now",
            action="store_true",
            help="A key was stolen: the new one signs at once and all others end at once. Services "
            "that keep a copy of the keys refuse its tokens until they ask again.",
        )

        retire = action(
            "retire",
            "End a key when the last token that it signed has expired. The next key, which has not "
            "begun, is taken back, and the one that signs goes on.",
        )
        retire.add_argument("kid", help="Name of the key, or how it begins.")
        retire.add_argument("--now", action="store_true", help="End it at once.")

        publish = action(
            "publish", "Print the public keys as a JWK Set (RFC 7517), as the route shows it."
        )
        publish.add_argument("--output", type=Path, metavar="FILE", help="Write them to FILE.")

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
        except OSError as fault:
            raise CommandError(f"{fault.filename}: {fault.strerror}.") from None

    def _generate(self, settings: Settings, options: _Options, now: float) -> None:
        if options["print"]:
            self._print(settings, options, now=now, not_before=int(now))
            return
        directory = _directory(settings, options)
        algorithm = _algorithm(settings, options, now)
        made = key_rotation.generate(directory, algorithm, now=now)
        self.stdout.write(f"Made {made.path}: {_what(made.key)}, and signs from now on.")

    def _rotate(self, settings: Settings, options: _Options, now: float) -> None:
        delay: int | None = options["delay"]
        if options["now"]:
            delay = 0
        elif delay is None:
            delay = key_rotation.usual_delay(settings)
        else:
            key_rotation.check_delay(settings, delay)
        if options["print"]:
            self._print(settings, options, now=now, not_before=int(now) + delay)
            return
        directory = _directory(settings, options)
        algorithm = _algorithm(settings, options, now)
        if options["now"]:
            done = key_rotation.replace_now(directory, algorithm, now=now)
        else:
            done = key_rotation.rotate(directory, settings, algorithm, now=now, delay=delay)
        self._tell(done)

    def _tell(self, done: Rotation) -> None:
        made = done.made
        start = _moment(made.key.not_before)
        self.stdout.write(f"Made {made.path}: {_what(made.key)}, and signs from {start} on.")
        for file in done.ending:
            self.stdout.write(f"Ends {_moment(file.key.expires_at)}: {file.key.kid}")
        for path in done.removed:
            self.stdout.write(f"Removed {path}, which had ended.")
        if done.without_expiry:
            names = ", ".join(file.key.kid for file in done.without_expiry)
            raise CommandError(
                f"The next key is made, but the disk took no end for {names}. When it has room: "
                "manage.py tokenauth_keys retire KID"
            )

    def _retire(self, settings: Settings, options: _Options, now: float) -> None:
        directory = _directory(settings, options)
        done = key_rotation.retire(
            directory, settings, options["kid"], now=now, at_once=options["now"]
        )
        self.stdout.write(f"Ends {_moment(done.ended.key.expires_at)}: {done.ended.key.kid}")
        if done.kept_signing is not None:
            self.stdout.write(f"Goes on: {done.kept_signing.key.kid}")

    def _list(self, settings: Settings, options: _Options, now: float) -> None:
        keys, files = _listed(settings, options, now)
        if options["json"]:
            self.stdout.write(json.dumps([_row(*file, keys, now) for file in files], indent=2))
            return
        table = [("KID", "ALGORITHM", "STATE", "SIGNS FROM", "VERIFIES UNTIL")]
        table += [
            (
                key.kid,
                key.algorithm,
                str(state_of(key, keys, now)),
                _moment(key.not_before) if key.can_sign else "never",
                _moment(key.expires_at),
            )
            for key, _ in files
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())

    def _publish(self, settings: Settings, options: _Options, now: float) -> None:
        keys = _listed(settings, options, now)[0].verifying.values()
        if not keys:
            raise InvalidKey("There is no key that has not ended.", "generate makes one.")
        public = [dict(key.public_jwk) for key in keys if key.public_jwk is not None]
        if not public:
            raise InvalidKey(
                "There is no public key: the keys are secrets (HS256, HS384, HS512).",
                "Whoever verifies with a secret can sign too, so it is shown to nobody.",
            )
        text = json.dumps({"keys": public}, indent=2)
        output: Path | None = options["output"]
        if output is None:
            self.stdout.write(text)
            return
        draft = output.with_name(f".{output.name}.new")
        try:
            draft.write_text(f"{text}\n", encoding="utf-8")
            draft.replace(output)
        finally:
            draft.unlink(missing_ok=True)
        keys_said = "key" if len(public) == 1 else "keys"
        self.stdout.write(f"Wrote {len(public)} public {keys_said} to {output}.")

    def _print(self, settings: Settings, options: _Options, *, now: float, not_before: int) -> None:
        jwk = make_jwk(_algorithm(settings, options, now), now=int(now), not_before=not_before)
        self.stdout.write(json.dumps(jwk))
        # Beside the key, which goes into a file or a variable.
        self.stderr.write(f"Signs from {_moment(not_before)} on, where it stands in KEYS.")


def _making_options(parser: CommandParser) -> None:
    parser.add_argument(
        "--algorithm",
        choices=(*ASYMMETRIC_ALGORITHMS, *HMAC_ALGORITHMS),
        metavar="NAME",
        help="What the key is for, for example EdDSA, ES256 or RS256 (default: as the youngest "
        "key, or else ALGORITHM of TOKENAUTH if that has key pairs, or else EdDSA).",
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
            "Set it, or give --directory; --print makes a key for the setting KEYS.",
        )
    return directory.absolute()


def _algorithm(settings: Settings, options: _Options, now: float) -> str:
    if options["algorithm"] is not None:
        return str(options["algorithm"])
    keys: list[Key] = []
    # What is printed is for KEYS, and what is written for the folder.
    if settings.keys or not options["print"]:
        keys = [key for key, _ in _listed(settings, options, now)[1] if key.can_sign]
    return key_rotation.usual_algorithm(settings, keys)


def _listed(
    settings: Settings, options: _Options, now: float
) -> tuple[KeySet, list[tuple[Key, Path | None]]]:
    """All keys, also those that have ended, and those that are in force."""
    found: list[tuple[Key, Path | None]]
    if options["directory"] is None and settings.key_directory is None:
        keys = build_access_keys(settings).at(now)
        return keys, [(key, None) for key in keys.verifying.values()]
    files = read_files(_directory(settings, options))
    further = []
    if options["directory"] is None:
        further = [load_key(key, settings.algorithm) for key in settings.verifying_keys]
    found = [(file.key, file.path) for file in files]
    found += [(key, None) for key in further]
    return KeySchedule([file.key for file in files], further).at(now), found


def _row(key: Key, path: Path | None, keys: KeySet, now: float) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "alg": key.algorithm,
        "state": state_of(key, keys, now),
        "private": key.can_sign,
        "nbf": key.not_before,
        "exp": key.expires_at,
        "file": None if path is None else str(path),
    }


def _what(key: Key) -> str:
    return f"key {key.kid} is for {key.algorithm}"


def _moment(seconds: int | None) -> str:
    if seconds is None:
        return "not set"
    if seconds == 0:
        return "always"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
