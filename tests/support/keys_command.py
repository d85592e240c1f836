"""``manage.py tokenauth_keys`` as the tests run it."""

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

SECONDS = int(NOW.timestamp())
MAX_AGE = 300
#: How long a key verifies after its successor has begun.
OUTLIVED = 300 + MARGIN


def run(*arguments, now=NOW):
    """The lines that it prints on standard output."""
    output, errors = StringIO(), StringIO()
    with time_machine.travel(now, tick=False):
        call_command("tokenauth_keys", *arguments, stdout=output, stderr=errors, no_color=True)
    # What is printed beside a key must not get into a file with it.
    assert bool(errors.getvalue()) == ("--print" in arguments)
    return output.getvalue().splitlines()


def refused(*arguments, **options):
    """What it says where it refuses."""
    with pytest.raises(CommandError) as caught:
        run(*arguments, **options)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def listed(**options):
    return json.loads("\n".join(run("list", "--json", **options)))


def put(folder, name, not_before=SECONDS - 10, algorithm="EdDSA", **changes):
    folder.mkdir(exist_ok=True)
    jwk = {**make_jwk(algorithm, now=SECONDS, not_before=not_before), "kid": name, **changes}
    write_jwk(folder / f"{name}.jwk", jwk)
    return jwk


def only_file(folder):
    [name] = list_files(folder)
    return folder / name
