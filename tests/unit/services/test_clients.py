"""Clients that have a secret: right and wrong ones, what is remembered, what belongs to whom."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ImproperlyConfigured

from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidClient, InvalidGrant
from django_tokenauth.services.clients import (
    PAUSE,
    Clients,
    Credentials,
    check_owner,
    is_hash,
    known_clients,
)
from tests.support.client import logged
from tests.support.confidential_clients import SECRETS, CountingHasher, listed
from tests.support.raw_tokens import read_settings

REPORTS = Credentials("reports", SECRETS["reports"])
WRONG = [
    Credentials("reports", "wrong"),
    Credentials("reports", ""),
    Credentials("reports", SECRETS["reports"] + " "),
    Credentials("reports", SECRETS["billing"]),
]
NOBODY = [
    Credentials("Reports", SECRETS["reports"]),
    Credentials("nobody", SECRETS["reports"]),
    Credentials("closed", SECRETS["reports"]),
    Credentials("", ""),
]


@pytest.fixture
def hashed(settings):
    """What was hashed, of secrets that are stored so."""
    settings.PASSWORD_HASHERS = ["tests.support.confidential_clients.CountingHasher"]
    settings.TOKENAUTH = {"CLIENTS": listed()}
    CountingHasher.hashed.clear()
    return CountingHasher.hashed


class TestClients:
    def test_they_are_those_of_the_settings(self, settings):
        assert "reports" not in known_clients(load())
        settings.TOKENAUTH = {"CLIENTS": listed()}
        assert "reports" in known_clients(load())
        assert "nobody" not in known_clients(load())

    def test_the_right_secret_is_hashed_once_and_then_remembered(self, hashed):
        clients = known_clients(load())
        assert not clients.remembers(REPORTS)
        assert clients.check(REPORTS)
        assert known_clients(load()).remembers(REPORTS)
        assert hashed == [REPORTS.secret]

    @pytest.mark.parametrize("wrong", WRONG, ids=str)
    def test_any_other_costs_a_hash_each_time_and_is_not_remembered(self, hashed, wrong):
        clients = known_clients(load())
        assert clients.check(REPORTS)
        hashed.clear()
        assert [clients.check(wrong) for _ in range(3)] == [False] * 3
        assert hashed == [wrong.secret] * 3
        assert not clients.remembers(wrong)
        assert clients.remembers(REPORTS)

    @pytest.mark.parametrize("nobody", NOBODY, ids=str)
    def test_of_who_has_no_secret_none_is_hashed(self, settings, hashed, nobody):
        settings.TOKENAUTH = {"CLIENTS": {**listed(), "closed": make_password(None)}}
        hashed.clear()
        clients = known_clients(load())
        assert not clients.check(nobody)
        assert not clients.remembers(nobody)
        assert hashed == []

    @pytest.mark.parametrize("secret", ["", "!", SECRETS["reports"]])
    def test_a_client_that_is_shut_out_is_there_and_has_no_secret(self, secret):
        closed = Clients({"reports": make_password(None)})
        assert "reports" in closed
        assert not closed.check(Credentials("reports", secret))
        assert not closed.remembers(Credentials("reports", secret))

    def test_nor_is_the_text_itself_its_secret(self):
        unusable = make_password(None)
        assert not Clients({"reports": unusable}).check(Credentials("reports", unusable))

    def test_what_was_remembered_is_forgotten_with_the_settings(self, settings, hashed):
        assert known_clients(load()).check(REPORTS)
        settings.TOKENAUTH = {"CLIENTS": listed(reports="another secret")}
        assert not known_clients(load()).remembers(REPORTS)
        assert not known_clients(load()).check(REPORTS)

    def test_each_that_has_a_secret_has_a_turn_of_its_own(self, settings):
        settings.TOKENAUTH = {"CLIENTS": {**listed(), "closed": make_password(None)}}
        turns = known_clients(load()).turns
        assert set(turns) == {"reports", "billing"}
        with turns["reports"]:
            assert not known_clients(load()).turns["reports"].acquire(blocking=False)
            assert not turns["billing"].locked()

    @pytest.mark.parametrize(
        ("later", "paused"), [(-PAUSE, False), (-0.9, True), (0, True), (0.9, True), (PAUSE, False)]
    )
    def test_a_pause_ends_after_a_second_and_when_the_clock_is_set_back(self, later, paused):
        clients = Clients(listed())
        assert not clients.pauses("reports", 0.0)
        clients.pause("reports", 1000.0)
        assert clients.pauses("reports", 1000.0 + later) is paused
        assert not clients.pauses("billing", 1000.0)

    def test_no_secret_is_kept(self):
        clients = Clients(listed())
        assert clients.check(REPORTS)
        assert REPORTS.secret not in repr(vars(clients))
        assert REPORTS.secret not in repr(REPORTS)

    def test_two_processes_remember_it_in_two_ways(self):
        one, other = Clients(listed()), Clients(listed())
        assert one.check(REPORTS)
        assert other.check(REPORTS)
        assert vars(one)["_right"] != vars(other)["_right"]

    def test_a_secret_that_its_hasher_does_not_take_is_wrong(self, settings, caplog):
        settings.PASSWORD_HASHERS = ["tests.support.confidential_clients.PickyHasher"]
        clients = Clients(listed())
        assert not clients.check(Credentials("reports", "x" * 73))
        assert logged(caplog) == ["a client secret cannot be checked: ValueError"]
        assert clients.check(REPORTS)

    def test_a_hash_whose_package_is_missing_is_a_fault_of_the_project(self, settings):
        """As that of Argon2 or bcrypt is without the extra of Django."""
        settings.PASSWORD_HASHERS = ["tests.support.confidential_clients.UninstalledHasher"]
        with pytest.raises(ImproperlyConfigured) as caught:
            Clients(listed()).check(REPORTS)
        message = "tokenauth.E008: CLIENTS has a hash by a library that is not installed."
        assert str(caught.value) == message

    def test_a_secret_that_is_no_hash_is_a_fault_of_the_project(self):
        with pytest.raises(ImproperlyConfigured) as caught:
            Clients({"reports": "a $ecret in the clear"}).check(REPORTS)
        assert str(caught.value) == "tokenauth.E008: CLIENTS has a secret that is no hash."


class TestIsHash:
    @pytest.mark.parametrize("hasher", ["default", "md5", "pbkdf2_sha256"])
    def test_what_a_hasher_made_is_one(self, hasher):
        assert is_hash(make_password("secret", hasher=hasher))

    def test_so_is_what_django_writes_for_a_password_that_nobody_has(self):
        assert is_hash(make_password(None))

    @pytest.mark.parametrize(
        "text",
        [
            *("", "secret", "sec$ret", "$!", "unknown$1$salt$hash"),
            *("md5$", "md5$salt", "pbkdf2_sha256$secret", "pbkdf2_sha256$many$salt$hash"),
        ],
    )
    def test_anything_else_is_none(self, text):
        assert not is_hash(text)


class TestOwner:
    @pytest.fixture
    def ours(self):
        return read_settings(CLIENTS=listed())

    @pytest.mark.parametrize(
        ("owner", "client_id"),
        [("reports", "reports"), ("phone", "phone"), ("phone", ""), ("phone", "web")],
    )
    def test_a_client_goes_on_with_its_own_and_labels_prove_nothing(self, ours, owner, client_id):
        check_owner(ours, owner, client_id)

    @pytest.mark.parametrize("client_id", ["", "phone", "Reports"])
    def test_who_is_no_client_does_not_go_on_with_that_of_one(self, ours, client_id):
        with pytest.raises(InvalidClient):
            check_owner(ours, "reports", client_id)

    @pytest.mark.parametrize("owner", ["reports", "phone"])
    def test_nor_does_another_client(self, ours, owner, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        with pytest.raises(InvalidGrant):
            check_owner(ours, owner, "billing")
        assert logged(caplog) == ["token refused: it is not that of the client"]
