"""``manage.py tokenauth_keys --help``: the whole text of each action and option."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

GENERATE = "Create a first key, which signs at once."
LIST = "Show the keys and the state of each."
ROTATE = "Create the next key, and set the expiry of the older keys."
RETIRE = (
    "Let a key expire when the last token that it signed has expired. A next key that has not "
    "signed yet expires at once, and the signing key keeps signing."
)
PUBLISH = "Print the public keys as a JWK Set (RFC 7517), as jwks.json returns them."
DIRECTORY = "--directory FOLDER The folder of the keys (default: KEY_DIRECTORY of TOKENAUTH)."
ALGORITHM = (
    "--algorithm NAME The algorithm of the key, for example EdDSA, ES256 or RS256 (default: that "
    "of the newest key, otherwise ALGORITHM of TOKENAUTH unless that is HMAC, otherwise EdDSA)."
)
PRINT = "--print Write no file: print the private key as a JWK, for the setting KEYS."


@pytest.mark.parametrize(
    ("arguments", "phrases"),
    [
        (
            (),
            [
                (
                    " Generate, list, rotate, retire and publish the keys that sign access tokens. "
                    "The keys are files in the folder KEY_DIRECTORY of TOKENAUTH."
                ),
                (
                    f" ACTION generate {GENERATE} list {LIST} rotate {ROTATE} retire {RETIRE} "
                    f"publish {PUBLISH}"
                ),
                "once: create the first key",
            ],
        ),
        (("generate",), [GENERATE, DIRECTORY, ALGORITHM, PRINT]),
        (("list",), [LIST, DIRECTORY, "--json Print a list of JSON objects."]),
        (
            ("rotate",),
            [
                ROTATE,
                DIRECTORY,
                ALGORITHM,
                PRINT,
                (
                    "--delay SECONDS When the key starts to sign (default: in JWKS_MAX_AGE plus 60 "
                    "seconds). At least JWKS_MAX_AGE plus 4 seconds."
                ),
                (
                    "--now A key was stolen: the new key signs at once, and all others expire at "
                    "once. Services that cache the keys reject its tokens until they fetch the "
                    "keys again."
                ),
            ],
        ),
        (
            ("retire",),
            [
                RETIRE,
                DIRECTORY,
                "KID The kid of the key, or its beginning.",
                "--now Let the key expire at once.",
            ],
        ),
        (
            ("publish",),
            [
                PUBLISH,
                DIRECTORY,
                (
                    "--format {jwks,pem} jwks (default), or pem for programs that cannot read "
                    "JWKs, such as HAProxy: a PUBLIC KEY block (RFC 7468) for each key."
                ),
                (
                    "--output FILE Write the keys to FILE. With --format pem, FILE may be an "
                    "existing folder: a file KID.pem is written for each key, and the files of "
                    "earlier keys are deleted."
                ),
            ],
        ),
    ],
    ids=str,
)
def test_keys_command_help_describes_actions_and_options(capsys, monkeypatch, arguments, phrases):
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit) as caught:
        call_command("tokenauth_keys", *arguments, "--help")
    assert caught.value.code == 0
    help_text = " ".join(capsys.readouterr().out.split())
    assert [phrase for phrase in phrases if phrase not in help_text] == []


@pytest.mark.parametrize("action", ["generate", "rotate"])
def test_keys_command_with_an_unknown_algorithm_is_rejected(action):
    with pytest.raises(CommandError, match=r"argument --algorithm: invalid choice: .none"):
        call_command("tokenauth_keys", action, "--algorithm", "none")
