"""manage.py tokenauth_client."""

from __future__ import annotations

import ast
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_tokenauth.services.clients import Credentials, has_valid_secret
from tests.support.confidential_clients import listed
from tests.support.raw_tokens import read_settings


def run(name="reports"):
    """Return the secret and the value for ``CLIENTS`` that the command prints."""
    output = StringIO()
    call_command("tokenauth_client", name, stdout=output, no_color=True)
    before, secret, between, value = output.getvalue().splitlines()
    assert before == "Secret for the client, shown only now:"
    assert between == "Value for CLIENTS in TOKENAUTH:"
    return secret, value


@pytest.mark.parametrize("name", ["reports", "re:ports 50%", 'a "b" \\', "리포트", "\U0001f4c8"])
def test_printed_value_can_be_pasted_and_matches_the_secret(name):
    secret, value = run(name)
    pasted = ast.literal_eval(f"{{{value}}}")
    assert list(pasted) == [name]
    assert has_valid_secret(read_settings(CLIENTS=pasted), Credentials(name, secret))
    assert secret not in value


def test_each_run_prints_another_secret():
    assert run()[0] != run()[0]


@pytest.mark.parametrize("name", ["", "two\nlines", "x" * 256])
def test_impossible_client_id_is_refused(name):
    with pytest.raises(CommandError, match=r"NAME must be a string of 1 to 255 "):
        run(name)


@pytest.mark.parametrize("value", ["md5$salt$5f4dcc3b5aa765d61d8327deb882cf99", "a secret"])
def test_command_runs_while_clients_has_a_wrong_value(settings, value):
    """The error of the check says to run it."""
    settings.TOKENAUTH = {"CLIENTS": {**listed(), "reports": value}}
    assert run()[1].startswith('"reports": "sha256$')


def test_help_says_how_to_add_replace_and_shut_out(capsys):
    with pytest.raises(SystemExit):
        call_command("tokenauth_client", "--help")
    shown = capsys.readouterr().out
    for words in ("add a client", "replace its secret", "shut a client out", "CLIENTS", "sha256$"):
        assert words in shown
