"""The pages of ``docs/`` say what the package does, all of it, and their examples run."""

from __future__ import annotations

import re
from functools import partial
from urllib.error import HTTPError

import pytest
from django.contrib.auth.models import Group
from django.core import signing
from django.http import HttpRequest
from rest_framework.test import APIRequestFactory

from django_tokenauth import services
from django_tokenauth.errors import TokenErrorCode
from django_tokenauth.models import RevokedReason, Session
from tests.support.confidential_clients import SECRETS, listed
from tests.support.documents import DOCS, KOREAN, README, ROOT, literal, section, sections
from tests.support.http_server import serving
from tests.support.raw_tokens import read_settings

# The parts of the pages of attacks and of standards are no pages of their own.
PAGES = {
    path.relative_to(DOCS).with_suffix("").as_posix(): path
    for path in DOCS.rglob("*.rst")
    if path.parent.name not in {"attacks", "standards"}
}
OWN = {name: path for name, path in PAGES.items() if path != KOREAN}
EXAMPLES = {
    (name, number): block
    for name, path in OWN.items()
    for number, block in enumerate(
        (block for found in sections(path) for block in found.blocks), start=1
    )
}
# The pages whose examples another module reads and runs.
RUN_ELSEWHERE = {
    "axes": "support/scenarios/axes/settings.py",
    "benchmarks": "meta/test_benchmarks_publish.py",
    "keys": "meta/test_keys_page.py",
}
RESPONSES = APIRequestFactory()


def example(name, number=1):
    """What the names of an example stand for, after it was run."""
    names = {"__name__": "mysite.example"}
    exec(EXAMPLES[name, number].text, names)  # noqa: S102
    return names


class TestPages:
    def test_toctrees_list_each_page_once_and_nothing_else(self):
        listed = [
            page.parent.joinpath(line.strip()).relative_to(DOCS).as_posix()
            for page in (DOCS / "index.rst", DOCS / "decisions" / "index.rst")
            for tree in page.read_text(encoding="utf-8").split(".. toctree::")[1:]
            for line in tree.splitlines()
            if re.match(r" {3}[\w/-]+$", line)
        ]
        assert sorted(listed) == sorted(PAGES.keys() - {"index"})

    def test_every_part_of_the_readme_that_is_marked_for_a_page_is_on_one(self):
        marks = re.findall(r"^\.\. docs: .+$", README.read_text(encoding="utf-8"), re.MULTILINE)
        used = {
            mark
            for path in OWN.values()
            for mark in re.findall(
                r"\.\. docs: .+$", path.read_text(encoding="utf-8"), re.MULTILINE
            )
        }
        assert len(marks) == len(set(marks))
        assert set(marks) == used

    def test_the_pages_name_no_other_server_than_an_example(self):
        for path in PAGES.values():
            hosts = re.findall(r"https?://([\w.-]+)", path.read_text(encoding="utf-8"))
            assert set(hosts) <= {"127.0.0.1", "auth.example.com"}


class TestTables:
    def test_the_codes_are_those_of_the_errors(self):
        [[_, *rows]] = section(DOCS / "errors.rst", "Why a token was refused").tables
        assert [literal(row[0]) for row in rows] == list(TokenErrorCode)

    def test_the_reasons_are_those_of_the_model(self):
        [[_, *rows]] = section(DOCS / "signals.rst", "Why a session ended").tables
        assert [literal(row[0]) for row in rows] == list(RevokedReason)

    def test_the_services_are_all_documented(self):
        text = (DOCS / "api.rst").read_text(encoding="utf-8")
        documented = re.findall(r"autofunction:: django_tokenauth\.services\.(\w+)", text)
        assert sorted(documented) == sorted(services.__all__)


class TestExamples:
    def test_no_example_is_left_out_here(self):
        here = {page for page in EXAMPLES if page[0] not in RUN_ELSEWHERE}
        assert here == {
            ("admin-and-prune", 1),
            ("hooks", 1),
            ("hooks", 2),
            ("how-it-works", 1),
            ("http", 1),
            ("http", 2),
            ("http", 3),
            ("http", 4),
        }
        assert {EXAMPLES[page].language for page in here} == {"python"}

    @pytest.mark.parametrize(("name", "file"), RUN_ELSEWHERE.items())
    def test_the_others_are_run_by_a_test_of_their_own(self, name, file):
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert f'DOCS / "{name}.rst"' in source

    def test_groups_are_scopes(self, alice, settings):
        settings.TOKENAUTH = {
            "SCOPES": ["notes:read", "notes:write"],
            "SCOPE_POLICY": example("hooks")["scope_policy"],
        }
        alice.groups.add(Group.objects.create(name="notes:read"))
        alice.groups.add(Group.objects.create(name="editors"))
        assert services.sign_in(alice).scope == {"notes:read"}
        alice.is_superuser = True
        assert services.sign_in(alice).scope == {"notes:read", "notes:write"}

    def test_a_link_signs_in_and_a_forged_one_does_not(self, alice):
        view = example("hooks", 2)["LinkView"].as_view()
        link = signing.TimestampSigner(salt="sign-in link").sign(alice.pk)
        answer = view(RESPONSES.post("/", {"link": link}, format="json"))
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
        assert Session.objects.get().ip == "127.0.0.1"
        for body, error in (
            ({"link": f"{link}x"}, "invalid_grant"),
            ({"link": 1}, "invalid_request"),
            ({}, "invalid_request"),
        ):
            answer = view(RESPONSES.post("/", body, format="json"))
            assert (answer.status_code, answer.data["error"]) == (400, error)
        alice.is_active = False
        alice.save()
        answer = view(RESPONSES.post("/", {"link": link}, format="json"))
        assert (answer.status_code, answer.data["error"]) == (400, "invalid_grant")

    def test_a_view_of_ones_own_asks_for_the_name_of_the_device(self, alice):
        names = example("http")
        assert len(names["urlpatterns"]) == 3
        view = names["NamedDeviceView"].as_view()
        body = {"username": "alice", "password": "correct horse"}
        answer = view(RESPONSES.post("/", body, format="json"))
        assert (answer.status_code, answer.data["error"]) == (400, "invalid_request")
        assert answer.data["error_description"] == "Give the device a name."
        pair = view(RESPONSES.post("/", {**body, "name": "laptop"}, format="json")).data
        body = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
        assert view(RESPONSES.post("/", body, format="json")).status_code == 200

    def test_settings_accept_the_client_secret_of_the_example(self):
        assert list(read_settings(**example("http", 2)["TOKENAUTH"]).clients) == ["reports"]

    def test_the_sessions_of_a_client_that_is_shut_out_end(self, alice):
        for client_id in ("reports", "reports", "phone"):
            services.sign_in(alice, client_id=client_id)
        assert example("http", 3)["sign_out_client"]("reports") == 2
        assert [session.client_id for session in services.list_sessions(alice)] == ["phone"]

    @pytest.mark.django_db(transaction=True)
    def test_a_resource_server_asks_what_a_token_says(self, alice, settings):
        settings.TOKENAUTH = {"CLIENTS": listed()}
        token = services.sign_in(alice).access_token
        names = example("http", 4)
        with serving() as (host, port):
            names["ISSUER"] = f"http://{host}:{port}"
            ask = partial(names["introspect"], client_id="reports")
            found = ask(token, client_secret=SECRETS["reports"])
            assert (found["username"], found["sub"]) == ("alice", str(alice.pk))
            assert ask("garbage", client_secret=SECRETS["reports"]) is None
            with pytest.raises(HTTPError, match="401") as refused:
                ask(token, client_secret="wrong")
            refused.value.close()

    def test_the_sessions_of_a_network_end(self, alice, bob):
        for user, ip in ((alice, "192.0.2.1"), (bob, "192.0.2.2"), (bob, "198.51.100.1")):
            services.sign_in(user, request=HttpRequest(), ip=ip)
        assert example("admin-and-prune")["sign_out_network"]("192.0.2.") == 2
        assert [session.ip for session in services.list_sessions(bob)] == ["198.51.100.1"]

    def test_users_who_are_deactivated_in_one_statement_are_signed_out(self, alice, bob):
        for user in (alice, bob):
            services.sign_in(user)
        example("how-it-works")["deactivate"](type(alice).objects.filter(pk=alice.pk))
        alice.refresh_from_db()
        assert not alice.is_active
        assert Session.objects.get(revoked_at__isnull=True).user == bob


class TestKorean:
    pairs = list(zip(sections(README), sections(KOREAN), strict=False))

    def test_it_has_the_same_sections(self):
        assert len(sections(KOREAN)) == len(sections(README))

    @pytest.mark.parametrize("pair", pairs, ids=lambda pair: pair[0].title)
    def test_the_section_is_in_step(self, pair):
        english, korean = pair
        assert korean.blocks == english.blocks
        # The first section tells where the other language is.
        here, there = {"README.rst"}, {"docs/ko/README.rst"}
        assert korean.literals - here == english.literals - there
        shape = [[[bool(cell) for cell in row] for row in table] for table in english.tables]
        assert [[[bool(cell) for cell in row] for row in table] for table in korean.tables] == shape

    @pytest.mark.parametrize("pair", pairs, ids=lambda pair: pair[0].title)
    def test_the_section_is_in_korean(self, pair):
        assert re.search("[가-힣]", pair[1].title + pair[1].text)

    @pytest.mark.parametrize("title", ["Settings", "HTTP routes", "Errors on the wire"])
    def test_the_first_columns_are_the_same(self, title):
        [pair] = [pair for pair in self.pairs if pair[0].title == title]
        for english, korean in zip(pair[0].tables, pair[1].tables, strict=True):
            columns = 1 if title == "HTTP routes" else 2
            assert [row[:columns] for row in korean[1:]] == [row[:columns] for row in english[1:]]
