"""``manage.py tokenauth_token --host`` for tenants, and ``--lifetime``."""

from __future__ import annotations

import shlex
from datetime import timedelta
from io import StringIO

import pytest
from django.core.exceptions import DisallowedHost
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from django_tokenauth import services
from django_tokenauth.models import Session

pytestmark = pytest.mark.django_db
TENANT, NOTES = "acme.example.com", "https://notes.example.com"
HOUR = timedelta(hours=1)
LONG = {"MAX_ACCESS_TOKEN_LIFETIME": timedelta(days=30)}


@pytest.fixture(autouse=True)
def _development(settings):
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = [".example.com"]


def run(*arguments, stderr=None):
    """Run the command. Return the lines of its output."""
    output, stderr = StringIO(), stderr or StringIO()
    call_command("tokenauth_token", *arguments, stdout=output, stderr=stderr, no_color=True)
    return output.getvalue().splitlines()


def error(*arguments, stored=0):
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert Session.objects.count() == stored
    return str(caught.value)


def issuer_of_host(request):
    return f"{request.scheme}://{request.get_host()}"


def claims_of(token, host=TENANT, **options):
    request = RequestFactory().get("/", HTTP_HOST=host, **options)
    return services.authenticate_access_token(token, request=request)


class TestHost:
    @pytest.fixture(autouse=True)
    def _issuer(self, settings):
        settings.TOKENAUTH = {"ISSUER": issuer_of_host}

    @pytest.mark.parametrize("host", [TENANT, f"http://{TENANT}", f"http://{TENANT}/"])
    def test_token_has_the_issuer_of_the_host(self, alice, host):
        [token] = run("alice", "--host", host)
        claims = claims_of(token)
        assert (claims.issuer, claims.client_id) == (f"http://{TENANT}", f"http://{TENANT}")

    def test_scheme_and_port_of_the_host_are_used(self, alice):
        [token] = run("alice", "--host", f"https://{TENANT}:8443")
        assert claims_of(token, f"{TENANT}:8443", secure=True).issuer == f"https://{TENANT}:8443"

    def test_path_of_curl_is_at_the_host(self, alice):
        [command] = run("alice", "--host", f"{TENANT}:8000", "--curl", "/notes/")
        assert shlex.split(command)[-1] == f"http://{TENANT}:8000/notes/"

    def test_url_of_curl_gives_the_host(self, alice):
        [command] = run("alice", "--curl", f"https://{TENANT}/notes/")
        *_, header, url = shlex.split(command)
        assert url == f"https://{TENANT}/notes/"
        assert claims_of(header.split()[-1], secure=True).issuer == f"https://{TENANT}"

    def test_user_in_the_url_of_curl_is_not_part_of_the_host(self, alice):
        [command] = run("alice", "--curl", f"http://staging:secret@{TENANT}:8000/notes/")
        *_, header, url = shlex.split(command)
        assert url == f"http://staging:secret@{TENANT}:8000/notes/"
        issuer = claims_of(header.split()[-1], f"{TENANT}:8000").issuer
        assert issuer == f"http://{TENANT}:8000"

    def test_host_replaces_the_host_in_the_url_of_curl(self, alice):
        [command] = run("alice", "--host", TENANT, "--curl", "http://127.0.0.1:8000/notes/")
        *_, header, url = shlex.split(command)
        assert url == "http://127.0.0.1:8000/notes/"
        assert claims_of(header.split()[-1]).issuer == f"http://{TENANT}"

    def test_constant_issuer_needs_no_host(self, alice, settings):
        requests = []

        def claims(user, session, request):
            requests.append(request)
            return {}

        settings.TOKENAUTH = {"EXTRA_CLAIMS": claims}
        run("alice", "--curl", "https://other.example.org/")
        run("alice", "--host", "other.example.org:80")
        assert requests[0] is None
        assert requests[1].META["HTTP_HOST"] == "other.example.org:80"

    @pytest.mark.parametrize("names", [("ISSUER",), ("AUDIENCE",), ("ISSUER", "AUDIENCE")])
    @pytest.mark.parametrize("function", [issuer_of_host, {}.__getitem__, lambda request: None])
    def test_function_without_a_request_says_to_give_the_host(
        self, alice, settings, names, function
    ):
        settings.TOKENAUTH = dict.fromkeys(names, function)
        assert error("alice") == (
            "ISSUER or AUDIENCE of TOKENAUTH is a function that needs a request. Give the host of "
            "a tenant, for example --host tenant.example.com."
        )

    @pytest.mark.parametrize(
        ("function", "reason"),
        [
            (issuer_of_host, DisallowedHost.__name__),
            (lambda request: {}[request.get_port()], "KeyError: '80'"),
            (lambda request: request.tenant, "AttributeError: "),
            (lambda request: "", "ImproperlyConfigured: The function ISSUER of TOKENAUTH must"),
        ],
    )
    def test_function_that_fails_for_the_host_is_reported(self, alice, settings, function, reason):
        settings.TOKENAUTH = {"ISSUER": function}
        message = error("alice", "--host", "acme.example.org")
        assert message.startswith(
            f"ISSUER or AUDIENCE of TOKENAUTH failed for the host 'acme.example.org' ({reason}"
        )
        assert message.endswith("). Give the host of a tenant with --host.")

    @pytest.mark.parametrize(
        "host",
        ["", "http://", "/", "acme/notes", "ftp://acme", "a:b", "a:99999", "[::1", "u@a", "a b/?c"],
    )
    def test_invalid_host_is_reported(self, alice, host):
        assert error("alice", "--host", host) == (
            "--host must be a host, such as tenant.example.com or acme.localhost:8000. It is "
            f"{host!r}."
        )

    @pytest.mark.parametrize("url", ["http://", "https:///notes/", "http://[::1/", "http://a:b/"])
    def test_url_of_curl_without_a_valid_host_is_reported(self, alice, url):
        assert error("alice", "--curl", url).startswith("--curl must be followed by a URL")


class TestLifetime:
    def test_token_has_the_lifetime(self, alice, settings):
        settings.TOKENAUTH = LONG
        [token] = run("alice", "--lifetime", "12h")
        claims = services.authenticate_access_token(token)
        assert claims.expires_at - claims.issued_at == 12 * 3600

    def test_lifetime_keeps_the_other_lifetimes_of_the_hook(self, alice, settings):
        lifetimes = services.Lifetimes(access=HOUR, idle=2 * HOUR, absolute=3 * HOUR)
        clients = []

        def hook(user, client_id, request):
            clients.append(client_id)
            return lifetimes

        settings.TOKENAUTH = {"LIFETIMES": hook}
        run("alice", "--lifetime", "30m", "--client-id", "phone")
        session = Session.objects.get()
        assert (session.access_lifetime, session.idle_lifetime) == (HOUR / 2, 2 * HOUR)
        assert session.absolute_expires_at - session.created_at == 3 * HOUR
        assert clients == ["phone"]

    def test_lifetime_above_the_maximum_is_reported(self, alice, settings):
        settings.TOKENAUTH = {}
        assert error("alice", "--lifetime", "301") == (
            "--lifetime must be at most MAX_ACCESS_TOKEN_LIFETIME, 0:05:00. Give a shorter one, or "
            "set MAX_ACCESS_TOKEN_LIFETIME of TOKENAUTH."
        )

    def test_lifetime_of_the_session_limits_the_token(self, alice, settings):
        settings.TOKENAUTH = LONG
        assert error("alice", "--lifetime", "14d") == (
            "--lifetime must be less than the other lifetimes of the session. Give a shorter one, "
            "or set REFRESH_TOKEN_LIFETIME and SESSION_LIFETIME of TOKENAUTH."
        )

    @pytest.mark.parametrize("text", ["", "0", "soon", "9" * 30])
    def test_text_that_is_not_a_duration_is_reported(self, alice, text):
        assert error("alice", "--lifetime", text) == (
            f"Error: argument --lifetime: {text!r} is not a duration. Write 30m, 12h, 7d, or a "
            "number of seconds."
        )


class TestAudience:
    @pytest.fixture(autouse=True)
    def _audiences(self, settings):
        settings.TOKENAUTH = {
            "SCOPES": ["notes:read", "reports:read"],
            "AUDIENCES": {NOTES: ["notes:read"], "https://reports.example.com": []},
        }

    def test_token_has_the_audience_and_its_scopes(self, alice):
        errors = StringIO()
        [token] = run("alice", "--audience", NOTES, stderr=errors)
        claims = services.authenticate_access_token(token, audience=NOTES)
        assert (claims.audience, claims.scope) == ((NOTES,), {"notes:read"})
        assert f"Scopes: notes:read. Audience: {NOTES}." in errors.getvalue()

    def test_scope_of_another_audience_is_reported(self, alice):
        errors, scopes = StringIO(), ("--scope", "notes:read", "--scope", "reports:read")
        run("alice", "--audience", NOTES, *scopes, stderr=errors)
        assert "SCOPE_POLICY or AUDIENCES did not grant reports:read." in errors.getvalue()
        message = error("alice", "--audience", NOTES, "--scope", "reports:read", stored=1)
        assert message.startswith("SCOPE_POLICY grants alice none of these scopes, or AUDIENCES")

    def test_unknown_audience_is_reported(self, alice):
        assert error("alice", "--audience", "notes") == (
            "--audience must be AUDIENCE or one of AUDIENCES: django-tokenauth, "
            f"{NOTES}, https://reports.example.com. It is 'notes'."
        )


@pytest.mark.parametrize(
    "hook", [{"EXTRA_CLAIMS": lambda *arguments: 1}, {"LIFETIMES": lambda *arguments: 1}]
)
@pytest.mark.parametrize("options", [(), ("--lifetime", "60")])
def test_invalid_result_of_a_hook_is_reported(alice, settings, hook, options):
    settings.TOKENAUTH = hook
    assert " must return " in error("alice", *options)
