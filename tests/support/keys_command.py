"""``manage.py tokenauth_keys``, run at a fixed time."""

from __future__ import annotations

import json
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from django_tokenauth.keys.files import list_files, write_jwk
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.rotating import MARGIN
from tests.support.clock import NOW
from tests.support.sample_keys import RSA_ALGORITHMS, generated_jwk

SECONDS = int(NOW.timestamp())
MAX_AGE = 300
#: Time in which a key still verifies after its successor starts to sign.
DRAIN_TIME = 300 + MARGIN


def run(*arguments, now=NOW):
    """Run the command and return the lines of its standard output."""
    output, errors = StringIO(), StringIO()
    with time_machine.travel(now, tick=False):
        call_command("tokenauth_keys", *arguments, stdout=output, stderr=errors, no_color=True)
    # Explanations of a printed key are on standard error, so that a redirect writes only the key.
    assert bool(errors.getvalue()) == ("--print" in arguments)
    return output.getvalue().splitlines()


def command_error(*arguments, **options):
    """Run the command, which must fail, and return its error message."""
    with pytest.raises(CommandError) as caught:
        run(*arguments, **options)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def list_keys(**options):
    return json.loads("\n".join(run("list", "--json", **options)))


def rsa_jwk(algorithm, *, now, not_before):
    """Return what ``make_jwk`` does, with the same key each time."""
    return {**generated_jwk(algorithm), "iat": now, "nbf": not_before}


def put(folder, name, not_before=SECONDS - 10, algorithm="EdDSA", **changes):
    folder.mkdir(exist_ok=True)
    make = rsa_jwk if algorithm in RSA_ALGORITHMS else make_jwk
    jwk = {**make(algorithm, now=SECONDS, not_before=not_before), "kid": name, **changes}
    write_jwk(folder / f"{name}.jwk", jwk)
    return jwk


def only_file(folder):
    [name] = list_files(folder)
    return folder / name
