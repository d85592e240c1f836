"""Users and their password hashes, read from the object alone."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AnonymousUser

from django_tokenauth.errors import TokenErrorCode
from django_tokenauth.models import Session
from django_tokenauth.sessions import users


class TestSubjectOf:
    @pytest.mark.standard("rfc9068-2.2-2")
    def test_it_is_the_text_of_the_field(self):
        user = get_user_model()(pk=7, username="alice")
        assert users.get_subject(user, "pk") == "7"
        assert users.get_subject(user, "username") == "alice"


class TestAuthHash:
    def test_it_changes_with_the_password_and_with_nothing_else(self):
        user = get_user_model()(username="alice", password=make_password("correct horse"))
        before = users.auth_hash(user)
        user.username = "somebody else"
        assert users.auth_hash(user) == before
        user.set_password("another")
        assert users.auth_hash(user) != before

    def test_it_fits_into_its_column(self):
        user = get_user_model()(password=make_password("correct horse"))
        field = Session._meta.get_field("auth_hash")
        assert 0 < len(users.auth_hash(user)) <= field.max_length

    def test_a_user_without_a_password_has_an_empty_one(self):
        user = AnonymousUser()
        assert users.auth_hash(user) == ""
        assert users.auth_hashes(user) == [""]
        assert users.has_auth_hash(user, "")
        assert not users.has_auth_hash(user, "something")


class TestHasAuthHash:
    OLD, NEW = "an old secret key of the project", "a new secret key of the project"

    @pytest.mark.attack(171)
    def test_that_of_a_fallback_key_counts_and_that_of_a_dropped_key_does_not(self, settings):
        user = get_user_model()(password=make_password("correct horse"))
        settings.SECRET_KEY = self.OLD
        stored = users.auth_hash(user)
        assert users.has_auth_hash(user, stored)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = self.NEW, ["unrelated", self.OLD]
        assert users.has_auth_hash(user, stored)
        assert users.auth_hashes(user)[0] == users.auth_hash(user)
        assert users.auth_hashes(user)[2] == stored
        settings.SECRET_KEY_FALLBACKS = ["unrelated"]
        assert not users.has_auth_hash(user, stored)

    def test_that_of_another_password_does_not_count(self):
        user = get_user_model()(password=make_password("correct horse"))
        stored = users.auth_hash(user)
        user.set_password("another")
        assert not users.has_auth_hash(user, stored)


class TestFaultOf:
    def session(self, **user):
        user = get_user_model()(pk=7, password=make_password("correct horse"), **user)
        return Session(user=user, auth_hash=users.auth_hash(user))

    def test_its_own_user_may_act(self):
        assert users.why_refused(self.session(), "7", "pk") is None

    def test_without_a_user_nobody_may(self):
        assert users.why_refused(Session(user=None), "7", "pk") is TokenErrorCode.USER

    def test_an_inactive_user_may_not(self):
        assert users.why_refused(self.session(is_active=False), "7", "pk") is TokenErrorCode.USER

    @pytest.mark.parametrize("subject", ["8", "07", "7 ", "", "alice"])
    def test_another_subject_may_not(self, subject):
        assert (
            users.why_refused(self.session(username="alice"), subject, "pk") is TokenErrorCode.USER
        )

    def test_who_changed_the_password_may_not(self):
        session = self.session()
        session.user.set_password("another")
        assert users.why_refused(session, "7", "pk") is TokenErrorCode.REVOKED


class TestIsRehash:
    PASSWORD = frozenset({"password"})

    def user(self):
        user = get_user_model()()
        user.set_password("correct horse")
        # As Django's check_password does it.
        user._password = None
        return user

    @pytest.mark.parametrize("further", [[], ["modified"]])
    def test_it_is_what_django_saves_while_a_password_is_checked(self, further):
        """A model may add a field to those that are saved, the time of the change say."""
        with users.rehashing():
            assert users.is_rehash(self.user(), self.PASSWORD.union(further))

    @pytest.mark.parametrize("password", ["another", None])
    def test_a_hash_that_a_backend_assigned_is_none(self, password):
        """A directory that knows a new password, or wants none to be stored here."""
        user = get_user_model()(password=make_password(password))
        with users.rehashing():
            assert not users.is_rehash(user, self.PASSWORD)

    def test_outside_of_that_it_is_a_new_password(self):
        with users.rehashing():
            pass
        assert not users.is_rehash(self.user(), self.PASSWORD)

    @pytest.mark.parametrize("fields", [None, frozenset(), frozenset({"email", "last_login"})])
    def test_another_save_is_none(self, fields):
        with users.rehashing():
            assert not users.is_rehash(self.user(), fields)

    def test_a_password_that_was_set_meanwhile_is_none(self):
        user = self.user()
        user.set_password("another")
        with users.rehashing():
            assert not users.is_rehash(user, self.PASSWORD)

    def test_an_error_ends_it_too(self):
        with pytest.raises(LookupError), users.rehashing():
            raise LookupError
        assert not users.is_rehash(self.user(), self.PASSWORD)
