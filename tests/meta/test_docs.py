"""The pages of ``docs/`` are reachable, and their examples run."""

from __future__ import annotations

import logging
import logging.config
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO
from urllib.error import HTTPError

import pytest
from django.contrib.auth.models import Group
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.http import HttpRequest
from django.test import override_settings
from rest_framework.test import APIClient, APIRequestFactory

from django_tokenauth import services, signals
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import Session
from tests.meta import docs_examples
from tests.support.client import get
from tests.support.confidential_clients import SECRETS, clients_setting
from tests.support.documents import DOCS, ROOT, sections
from tests.support.http_server import serve
from tests.support.raw_tokens import read_settings

# attacks.rst and standards.rst include the files in these folders.
PAGES = {
    path.relative_to(DOCS).with_suffix("").as_posix(): path
    for path in DOCS.rglob("*.rst")
    if path.parent.name not in {"attacks", "standards"}
}
ENGLISH = {name: path for name, path in PAGES.items() if not name.startswith("ko/")}
BLOCKS = {
    name: [block for found in sections(path) for block in found.blocks]
    for name, path in ENGLISH.items()
}
# The examples run by this module, by the name that each defines.
EXAMPLES = {
    "admin-and-prune": ["sign_out_network"],
    "clients": ["TOKENAUTH", "sign_out_client", "introspect"],
    "gateways": ["stateless"],
    "hooks": ["scope_policy", "LinkView", "ProjectTokenView"],
    "http": ["NamedDeviceView"],
    "sessions": ["deactivate", "ChangePassword", "TOKENAUTH"],
    "sign-in-options": [
        *("SignInView", "lifetimes", "RememberView", "OrganisationView", "TOKENAUTH"),
        "switch_organisation",
    ],
    "signals": ["revoke_all_sessions", "log_action", "LOGGING"],
}
# Pages with examples that other modules run.
RUN_ELSEWHERE = {
    "api-tokens": ("docs_examples.py", "test_api_tokens_page.py"),
    "audiences": ("docs_examples.py", "test_readme.py", "test_audiences_page.py"),
    "authentication": ("docs_examples.py", "test_readme.py"),
    "axes": ("../support/scenarios/axes/settings.py",),
    "benchmarks": ("test_benchmarks_publishing.py",),
    "keys": ("test_keys_page.py",),
    "plain-views": ("docs_examples.py", "test_readme.py"),
    "quickstart": ("docs_examples.py", "test_readme.py"),
    "scopes": ("docs_examples.py", "test_readme.py"),
    "service-accounts": ("test_service_accounts_page.py",),
    "sign-ins": ("../support/scenarios/sign_ins/settings.py",),
    "step-up": ("test_step_up_page.py",),
    "testing": ("docs_examples.py", "test_readme.py"),
    "token-header": ("docs_examples.py", "test_readme.py"),
    "tenants": (
        "../support/scenarios/tenants/databases.py",
        "../support/scenarios/tenants/schemas.py",
    ),
    "token-exchange": ("test_token_exchange_page.py",),
    "verify": ("docs_examples.py", "test_docs_verify.py"),
}
# Sections of other pages with examples that other modules run.
SECTIONS_RUN_ELSEWHERE = [*docs_examples.HOOKS, *docs_examples.PRUNE, *docs_examples.CLIENTS]
REQUESTS = APIRequestFactory()
SIGN_IN = {"username": "alice", "password": "correct horse"}


def block_of(page, name):
    """Return the last block of ``page`` that defines ``name``."""
    definition = re.compile(rf"^(?:(?:def|class) {name}\b|{name} = )", re.MULTILINE)
    return [block for block in BLOCKS[page] if definition.search(block.text)][-1]


def example(page, name):
    """Run an example and return all names that it defines."""
    names = {"__name__": "mysite.example"}
    exec(block_of(page, name).text, names)  # noqa: S102
    return names


class TestPages:
    def test_toctrees_list_each_page_once_and_nothing_else(self):
        pages_listed = [
            page.parent.joinpath(line.strip()).relative_to(DOCS).as_posix()
            for page in (DOCS / "index.rst", DOCS / "decisions" / "index.rst")
            for tree in page.read_text(encoding="utf-8").split(".. toctree::")[1:]
            for line in tree.splitlines()
            if re.match(r" {3}[\w/-]+$", line)
        ]
        assert sorted(pages_listed) == sorted(PAGES.keys() - {"index"})

    def test_each_common_question_links_to_its_page(self):
        found = sections(DOCS / "questions.rst")
        questions = {each.title: each.text for each in found if each.title.endswith("?")}
        assert len(questions) >= 22
        links = re.compile(r":(?:doc|ref|setting):`")
        assert [title for title, text in questions.items() if not links.search(text)] == []

    def test_docs_examples_use_only_example_servers(self):
        servers = {
            server
            for blocks in BLOCKS.values()
            for block in blocks
            for server in re.findall(r"https?://([\w.-]+)", block.text)
        }
        hosts = {f"{name}.example.com" for name in ("auth", "files", "notes", "reports")}
        assert servers <= {"127.0.0.1", *hosts}


class TestExamples:
    def test_every_docs_example_is_run_by_a_test(self):
        run = [block_of(page, name) for page, names in EXAMPLES.items() for name in names]
        run += [block for found in SECTIONS_RUN_ELSEWHERE for block in found.blocks]
        not_run = [
            (page, block.text)
            for page, blocks in BLOCKS.items()
            for block in blocks
            if page not in RUN_ELSEWHERE and block not in run
        ]
        assert not_run == []

    @pytest.mark.parametrize("page", RUN_ELSEWHERE)
    def test_page_with_examples_is_read_by_its_test_module(self, page):
        first, *_ = RUN_ELSEWHERE[page]
        assert f'DOCS / "{page}.rst"' in (ROOT / "tests" / "meta" / first).read_text("utf-8")

    def test_docs_example_of_scope_policy_grants_scopes_by_group(self, alice, settings):
        settings.TOKENAUTH = {
            "SCOPES": ["notes:read", "notes:write"],
            "SCOPE_POLICY": example("hooks", "scope_policy")["scope_policy"],
        }
        alice.groups.add(Group.objects.create(name="notes:read"))
        alice.groups.add(Group.objects.create(name="editors"))
        assert services.sign_in(alice).scope == {"notes:read"}
        alice.is_superuser = True
        assert services.sign_in(alice).scope == {"notes:read", "notes:write"}

    @pytest.mark.standard("rfc6749-10.7-1")
    def test_docs_example_of_link_view_accepts_only_signed_links(self, alice):
        view = example("hooks", "LinkView")["LinkView"].as_view()
        link = signing.TimestampSigner(salt="sign-in link").sign(alice.pk)
        response = view(REQUESTS.post("/", {"link": link}, format="json"))
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
        assert Session.objects.get().ip == "127.0.0.1"
        for body, code in (
            ({"link": f"{link}x"}, "invalid_grant"),
            ({"link": 1}, "invalid_request"),
            ({}, "invalid_request"),
        ):
            response = view(REQUESTS.post("/", body, format="json"))
            assert (response.status_code, response.data["error"]) == (400, code)
        alice.is_active = False
        alice.save()
        response = view(REQUESTS.post("/", {"link": link}, format="json"))
        assert (response.status_code, response.data["error"]) == (400, "invalid_grant")

    def test_docs_example_of_project_grant_accepts_only_valid_codes(self, alice):
        view = example("hooks", "ProjectTokenView")["ProjectTokenView"].as_view()
        code = signing.dumps(alice.pk, salt="sign-in code")
        body = {"grant_type": "urn:example:code", "code": code}
        response = view(REQUESTS.post("/", body, format="json"))
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
        for change, error in (
            ({"code": f"{code}x"}, "invalid_grant"),
            ({"code": signing.dumps(0, salt="sign-in code")}, "invalid_grant"),
            ({"code": ""}, "invalid_request"),
            ({"grant_type": "urn:example:other"}, "unsupported_grant_type"),
        ):
            response = view(REQUESTS.post("/", {**body, **change}, format="json"))
            assert (response.status_code, response.data["error"]) == (400, error)

    def test_docs_example_of_view_subclass_requires_a_device_name(self, alice):
        names = example("http", "NamedDeviceView")
        assert len(names["urlpatterns"]) == 3
        view = names["NamedDeviceView"].as_view()
        body = {"username": "alice", "password": "correct horse"}
        response = view(REQUESTS.post("/", body, format="json"))
        assert (response.status_code, response.data["error"]) == (400, "invalid_request")
        assert response.data["error_description"] == "Give the device a name."
        pair = view(REQUESTS.post("/", {**body, "device_name": "laptop"}, format="json")).data
        body = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
        assert view(REQUESTS.post("/", body, format="json")).status_code == 200

    def test_docs_example_of_sign_in_view_returns_the_user(self, alice):
        names = example("sign-in-options", "SignInView")
        assert len(names["urlpatterns"]) == 3
        response = names["SignInView"].as_view()(REQUESTS.post("/", SIGN_IN, format="json"))
        user = {"id": alice.pk, "username": "alice", "email": ""}
        assert response.data["user"] == user
        body = {"refresh_token": response.data["refresh_token"]}
        response = names["SignInRefreshView"].as_view()(REQUESTS.post("/", body, format="json"))
        assert response.data["user"] == user

    @pytest.mark.parametrize(("client", "days"), [("phone", 90), ("web", 1 / 3), ("other", 14)])
    def test_docs_example_of_lifetimes_depends_on_the_client(self, alice, settings, client, days):
        settings.TOKENAUTH = {"LIFETIMES": example("sign-in-options", "lifetimes")["lifetimes"]}
        pair = services.sign_in(alice, client_id=client)
        assert pair.refresh_token_expires_in == days * 86400

    @pytest.mark.parametrize(
        ("body", "hours"), [({}, 12), ({"remember": False}, 12), ({"remember": True}, 14 * 24)]
    )
    def test_docs_example_of_remember_me_extends_the_session(self, alice, settings, body, hours):
        names = example("sign-in-options", "RememberView")
        assert len(names["urlpatterns"]) == 3
        settings.TOKENAUTH = {"LIFETIMES": names["remember"]}
        view = names["RememberView"].as_view()
        response = view(REQUESTS.post("/", {**SIGN_IN, **body}, format="json"))
        assert response.data["refresh_token_expires_in"] == hours * 3600

    def test_docs_example_of_organisations_sets_claims_and_switches(self, alice, settings):
        names = example("sign-in-options", "OrganisationView")
        assert len(names["urlpatterns"]) == 3
        hooks = example("sign-in-options", "TOKENAUTH")["TOKENAUTH"]
        settings.TOKENAUTH = {
            setting: names[path.removeprefix("mysite.organisations.")]
            for setting, path in hooks.items()
        }
        view = names["OrganisationView"].as_view()
        body = {**SIGN_IN, "organisation": "acme"}
        response = view(REQUESTS.post("/", body, format="json"))
        assert (response.status_code, response.data["error"]) == (400, "invalid_request")
        alice.groups.add(Group.objects.create(name="acme"))
        pair = view(REQUESTS.post("/", body, format="json")).data
        claims = services.authenticate_access_token(pair["access_token"])
        assert claims.extra == {"organisation": "acme"}
        request = REQUESTS.get("/")
        request.auth = claims
        request.user = alice
        switch = example("sign-in-options", "switch_organisation")["switch_organisation"]
        with pytest.raises(PermissionDenied):
            switch(request, "other")
        alice.groups.add(Group.objects.create(name="other"))
        assert switch(request, "other") is True
        pair = services.refresh(pair["refresh_token"], ip="127.0.0.1")
        claims = services.authenticate_access_token(pair.access_token)
        assert claims.extra == {"organisation": "other"}
        claims = services.authenticate_access_token(services.sign_in(alice).access_token)
        assert claims.extra == {}

    def test_docs_example_of_stateless_route_makes_no_query(self, alice, django_assert_num_queries):
        names = example("gateways", "stateless")
        assert len(names["urlpatterns"]) == 2
        bearer = {"Authorization": f"Bearer {services.sign_in(alice).access_token}"}
        assert names["stateless"](REQUESTS.get("/", headers=bearer)).status_code == 204
        with django_assert_num_queries(0):
            response = names["stateless"](REQUESTS.get("/", headers=bearer))
        assert response["X-Auth-User"] == str(alice.pk)

    def test_clients_page_command_prints_the_documented_lines(self, capsys):
        [(command, documented)] = docs_examples.consoles(docs_examples.CLIENTS)
        call_command(*command.removeprefix("python manage.py ").split())
        pattern = re.escape(documented).replace(re.escape("..."), r"[\w-]*")
        pattern = pattern.replace("s65ft", r"[\w-]{5}").replace("8d06a", "[0-9a-f]{5}")
        assert re.fullmatch(pattern, capsys.readouterr().out.strip())

    def test_docs_example_of_client_settings_is_valid(self):
        tokenauth = example("clients", "TOKENAUTH")["TOKENAUTH"]
        assert list(read_settings(**tokenauth).clients) == ["reports"]

    def test_docs_example_sign_out_client_revokes_only_its_sessions(self, alice):
        for client_id in ("reports", "reports", "phone"):
            services.sign_in(alice, client_id=client_id)
        assert example("clients", "sign_out_client")["sign_out_client"]("reports") == 2
        assert [session.client_id for session in services.list_sessions(alice)] == ["phone"]

    @pytest.mark.django_db(transaction=True)
    def test_docs_example_of_introspect_returns_claims_if_active(self, alice, settings):
        settings.TOKENAUTH = {"CLIENTS": clients_setting()}
        token = services.sign_in(alice).access_token
        names = example("clients", "introspect")
        with serve() as (host, port):
            names["ISSUER"] = f"http://{host}:{port}"
            introspect = partial(names["introspect"], client_id="reports")
            found = introspect(token, client_secret=SECRETS["reports"])
            assert (found["username"], found["sub"]) == ("alice", str(alice.pk))
            assert introspect("garbage", client_secret=SECRETS["reports"]) is None
            with pytest.raises(HTTPError, match="401") as error:
                introspect(token, client_secret="wrong")
            error.value.close()

    def test_docs_example_sign_out_network_revokes_only_its_sessions(self, alice, bob):
        for user, ip in ((alice, "192.0.2.1"), (bob, "192.0.2.2"), (bob, "198.51.100.1")):
            services.sign_in(user, request=HttpRequest(), ip=ip)
        assert example("admin-and-prune", "sign_out_network")["sign_out_network"]("192.0.2.") == 2
        assert [session.ip for session in services.list_sessions(bob)] == ["198.51.100.1"]

    def test_docs_example_of_deactivate_signs_out_only_given_users(self, alice, bob):
        for user in (alice, bob):
            services.sign_in(user)
        example("sessions", "deactivate")["deactivate"](type(alice).objects.filter(pk=alice.pk))
        alice.refresh_from_db()
        assert not alice.is_active
        assert Session.objects.get(revoked_at__isnull=True).user == bob

    def test_docs_example_of_password_change_keeps_this_session(self, alice, settings):
        name = "django.contrib.auth.password_validation.MinimumLengthValidator"
        settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": name, "OPTIONS": {"min_length": 7}}]
        view = example("sessions", "ChangePassword")["ChangePassword"]
        view = view.as_view(authentication_classes=[JWTAuthentication])
        here, there = services.sign_in(alice), services.sign_in(alice)
        headers = {"Authorization": f"Bearer {here.access_token}"}
        right, long = "correct horse", "another"
        for old, new, status in (("wrong", long, 400), (right, "short", 400), (right, long, 204)):
            response = view(REQUESTS.post("/", {"old": old, "new": new}, headers=headers))
            assert response.status_code == status
            if new == "short":
                assert "too short" in response.data["error_description"]
        assert services.refresh(here.refresh_token)
        with pytest.raises(InvalidGrant):
            services.refresh(there.refresh_token)

    def test_docs_example_of_password_change_resists_attempts(self, alice, bob, settings):
        settings.TOKENAUTH = {
            "SCOPES": ["notes:read", "notes:write"],
            "IMPERSONATION": lambda staff, user, request: True,
            "SIGN_IN_RATE_USER": "2/hour",
        }
        view = example("sessions", "ChangePassword")["ChangePassword"]
        view = view.as_view(authentication_classes=[JWTAuthentication])

        def change(pair, old):
            headers = {"Authorization": f"Bearer {pair.access_token}"}
            request = REQUESTS.post("/", {"old": old, "new": "another"}, headers=headers)
            response = view(request)
            assert request.sensitive_post_parameters == "__ALL__"
            return response.status_code

        narrow = services.sign_in(alice, scope=["notes:read"])
        assert change(narrow, "correct horse") == 403
        assert change(services.impersonate(bob, alice), "correct horse") == 403
        pair = services.sign_in(alice)
        guesses = [change(pair, old) for old in ("wrong", "wrong", "correct horse")]
        assert guesses == [400, 400, 429]

    def test_docs_example_of_receiver_revokes_sessions_after_reuse(self, alice):
        client = APIClient()

        def sign_in():
            body = {"username": "alice", "password": "correct horse"}
            response = client.post("/auth/token/", body, format="json")
            return {"refresh_token": response.json()["refresh_token"]}

        def refresh(body):
            return client.post("/auth/token/refresh/", body, format="json").status_code

        names = example("signals", "revoke_all_sessions")
        try:
            with override_settings(TOKENAUTH={"REFRESH_GRACE": timedelta(0)}):
                stolen, other = sign_in(), sign_in()
                assert [refresh(stolen), refresh(stolen), refresh(other)] == [200, 400, 400]
        finally:
            signals.refresh_token_reused.disconnect(names["revoke_all_sessions"])

    def test_docs_example_of_audit_receiver_logs_the_action(self, caplog):
        caplog.set_level("INFO", logger="audit")
        names = example("signals", "log_action")
        try:
            call_command("tokenauth_client", "reports", stdout=StringIO())
        finally:
            signals.audit_event.disconnect(names["log_action"])
        assert caplog.messages[-1] == "clients.generate_secret by a command: 1 reports"


def test_docs_example_of_logging_shows_token_rejections(capsys):
    logger = logging.getLogger("django_tokenauth")
    handlers, level = [*logger.handlers], logger.level
    try:
        logging.config.dictConfig(example("signals", "LOGGING")["LOGGING"])
        get("/auth/sessions/", token="garbage")
    finally:
        logger.handlers = handlers
        logger.setLevel(level)
    assert "access token rejected: malformed\n" in capsys.readouterr().err


def test_docs_example_of_not_before_is_valid(settings):
    settings.TOKENAUTH = example("sessions", "TOKENAUTH")["TOKENAUTH"]
    assert load().not_before == datetime(2026, 11, 23, 12, tzinfo=UTC)
