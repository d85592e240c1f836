"""``manage.py tokenauth_client``: secrets of clients."""

from __future__ import annotations

import ast
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_tokenauth.services.clients import Credentials, has_valid_secret
from tests.support.confidential_clients import clients_setting
from tests.support.raw_tokens import read_settings

ALREADY = (
    "CLIENTS contains 'reports' already. The new value replaces its secret. To accept both secrets "
    'for a while, write {"secrets": [OLD, NEW]}.'
)


def run(name="reports"):
    """Return the secret and the value for ``CLIENTS`` that the command prints."""
    output = StringIO()
    call_command("tokenauth_client", name, stdout=output, no_color=True)
    before, secret, between, value = output.getvalue().splitlines()
    assert before == "Secret for the client, shown only now:"
    assert between == "Value for CLIENTS in TOKENAUTH:"
    return secret, value


@pytest.mark.parametrize("name", ["reports", "re:ports 50%", 'a "b" \\', "리포트", "\U0001f4c8"])
def test_client_command_prints_a_valid_secret_with_its_hash(name):
    secret, value = run(name)
    pasted = ast.literal_eval(f"{{{value}}}")
    assert list(pasted) == [name]
    assert has_valid_secret(read_settings(CLIENTS=pasted), Credentials(name, secret))
    assert secret not in value


def test_client_command_prints_a_new_secret_each_time():
    assert run()[0] != run()[0]


@pytest.mark.parametrize("name", ["", " ", "reports ", "\u00a0reports", "two\nlines", "x" * 256])
def test_client_command_rejects_an_invalid_client_id(name):
    with pytest.raises(CommandError, match=r"NAME must be a string of 1 to 255 "):
        run(name)


@pytest.mark.parametrize("issuer", ["django-tokenauth", "https://auth.example.com"])
def test_client_command_rejects_the_issuer_as_a_name(settings, issuer):
    settings.TOKENAUTH = {"ISSUER": issuer, "CLIENTS": "wrong"}
    with pytest.raises(CommandError) as caught:
        run(issuer)
    assert str(caught.value) == (
        f"NAME must not be '{issuer}', the ISSUER: it is the client_id of sign-ins without a "
        "client. Give the client a name of its own, for example reports."
    )


def test_client_command_runs_without_a_valid_issuer(settings):
    settings.TOKENAUTH = {"ISSUER": ""}
    assert run("django-tokenauth")[1].startswith('"django-tokenauth": "sha256$')


COLON = (
    "HTTP Basic ends a client_id at its first colon. The client must send each colon as %3A, or "
    "send client_id and client_secret in the body."
)
ASCII = (
    "OAuth permits only ASCII characters in a client_id (RFC 6749 appendix A.1). Libraries of "
    "other languages may reject this one."
)


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("new reports", []),
        (
            "reports",
            [ALREADY],
        ),
        ("re:ports", [COLON]),
        ("리:포트", [COLON, ASCII]),
    ],
)
def test_client_command_prints_note_for_taken_or_unsuitable_name(settings, name, notes):
    settings.TOKENAUTH = {"CLIENTS": clients_setting(reports="secret")}
    errors = StringIO()
    call_command("tokenauth_client", name, stdout=StringIO(), stderr=errors, no_color=True)
    assert errors.getvalue().splitlines() == notes


@pytest.mark.parametrize("value", ["md5$salt$5f4dcc3b5aa765d61d8327deb882cf99", "a secret"])
def test_client_command_runs_with_an_invalid_clients_setting(settings, value):
    """The check error for an invalid value recommends this command."""
    settings.TOKENAUTH = {"CLIENTS": {**clients_setting(), "reports": value}}
    assert run()[1].startswith('"reports": "sha256$')


def test_client_command_help_explains_add_replace_and_disable(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        call_command("tokenauth_client", "--help")
    help_text = " ".join(capsys.readouterr().out.split())
    for phrase in (
        " Print a new secret for a client, and its value for the setting CLIENTS of TOKENAUTH.",
        " NAME The client_id, for example reports.",
        "To add a client, or to replace its secret:",
        "To disable a client, give None instead of the sha256$ value:",
    ):
        assert phrase in help_text
