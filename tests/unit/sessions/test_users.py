"""Users and their password hashes, without the database."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AnonymousUser

from django_tokenauth.errors import TokenErrorCode
from django_tokenauth.models import Session
from django_tokenauth.sessions import users


class TestGetSubject:
    @pytest.mark.standard("rfc9068-2.2-2")
    def test_get_subject_returns_the_field_as_string(self):
        user = get_user_model()(pk=7, username="alice")
        assert users.get_subject(user, "pk") == "7"
        assert users.get_subject(user, "username") == "alice"


class TestAuthHash:
    def test_auth_hash_changes_with_the_password_but_not_username(self):
        user = get_user_model()(username="alice", password=make_password("correct horse"))
        before = users.auth_hash(user)
        user.username = "carol"
        assert users.auth_hash(user) == before
        user.set_password("another")
        assert users.auth_hash(user) != before

    def test_auth_hash_fits_its_column(self):
        user = get_user_model()(password=make_password("correct horse"))
        field = Session._meta.get_field("auth_hash")
        assert 0 < len(users.auth_hash(user)) <= field.max_length

    def test_auth_hash_of_anonymous_user_is_empty(self):
        user = AnonymousUser()
        assert users.auth_hash(user) == ""
        assert users.auth_hashes(user) == [""]
        assert users.has_auth_hash(user, "")
        assert not users.has_auth_hash(user, "something")


class TestHasAuthHash:
    OLD, NEW = "an old secret key of the project", "a new secret key of the project"

    @pytest.mark.attack(171)
    def test_auth_hash_is_valid_until_its_fallback_key_is_removed(self, settings):
        user = get_user_model()(password=make_password("correct horse"))
        settings.SECRET_KEY = self.OLD
        stored = users.auth_hash(user)
        assert users.has_auth_hash(user, stored)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = self.NEW, ["unrelated", self.OLD]
        assert users.has_auth_hash(user, stored)
        assert users.auth_hashes(user)[0] == users.auth_hash(user)
        assert users.auth_hashes(user)[2] == stored
        settings.SECRET_KEY_FALLBACKS = [self.OLD, "unrelated"]
        assert users.has_auth_hash(user, stored)
        settings.SECRET_KEY_FALLBACKS = ["unrelated"]
        assert not users.has_auth_hash(user, stored)

    def test_auth_hash_of_previous_password_is_invalid(self):
        user = get_user_model()(password=make_password("correct horse"))
        stored = users.auth_hash(user)
        user.set_password("another")
        assert not users.has_auth_hash(user, stored)


class TestWhyRefused:
    def session(self, **user):
        user = get_user_model()(pk=7, password=make_password("correct horse"), **user)
        return Session(user=user, auth_hash=users.auth_hash(user))

    def test_session_of_active_user_is_accepted(self):
        assert users.why_refused(self.session(), "7", "pk") is None

    def test_session_without_user_is_rejected(self):
        assert users.why_refused(Session(user=None), "7", "pk") is TokenErrorCode.USER

    def test_session_of_inactive_user_is_rejected(self):
        assert users.why_refused(self.session(is_active=False), "7", "pk") is TokenErrorCode.USER

    @pytest.mark.parametrize("subject", ["8", "07", "7 ", "", "alice"])
    def test_session_with_other_subject_is_rejected(self, subject):
        assert (
            users.why_refused(self.session(username="alice"), subject, "pk") is TokenErrorCode.USER
        )

    def test_session_after_password_change_is_rejected(self):
        session = self.session()
        session.user.set_password("another")
        assert users.why_refused(session, "7", "pk") is TokenErrorCode.REVOKED


class TestIsRehash:
    PASSWORD = frozenset({"password"})

    def user(self):
        user = get_user_model()()
        user.set_password("correct horse")
        # ``check_password`` of Django clears the attribute too.
        user._password = None
        return user

    @pytest.mark.parametrize("modified", [[], ["modified"]])
    def test_password_rehash_by_django_is_recognized(self, modified):
        """A user model may save an additional field, such as the time of the change."""
        with users.rehashing("a password"):
            assert users.is_rehash(self.user(), self.PASSWORD.union(modified))

    @pytest.mark.parametrize("password", ["another", None])
    def test_password_hash_set_by_a_backend_is_not_a_rehash(self, password):
        """A directory has a new password, or stores no password locally."""
        user = get_user_model()(password=make_password(password))
        with users.rehashing("a password"):
            assert not users.is_rehash(user, self.PASSWORD)

    def test_password_save_outside_of_rehashing_is_not_a_rehash(self):
        with users.rehashing("a password"):
            pass
        assert not users.is_rehash(self.user(), self.PASSWORD)

    @pytest.mark.parametrize("fields", [None, frozenset(), frozenset({"email", "last_login"})])
    def test_user_save_of_other_or_all_fields_is_not_a_rehash(self, fields):
        with users.rehashing("a password"):
            assert not users.is_rehash(self.user(), fields)

    def test_new_password_while_rehashing_is_not_a_rehash(self):
        user = self.user()
        user.set_password("another")
        with users.rehashing("a password"):
            assert not users.is_rehash(user, self.PASSWORD)

    def test_password_save_after_failed_rehashing_is_not_a_rehash(self):
        with pytest.raises(LookupError), users.rehashing("a password"):
            raise LookupError
        assert not users.is_rehash(self.user(), self.PASSWORD)


class TestRenewedAuthHash:
    def test_accepted_hash_is_kept_without_fallback_keys(self, settings):
        settings.SECRET_KEY_FALLBACKS = []
        assert users.renewed_auth_hash(get_user_model()(password="x"), "stored") == "stored"
        assert users.renewed_auth_hash(AnonymousUser(), "") == ""

    def test_hash_of_a_fallback_key_is_replaced(self, settings):
        user = get_user_model()(password=make_password("correct horse"))
        stored = users.auth_hash(user)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "a new secret key of the project"
        assert users.renewed_auth_hash(user, stored) == users.auth_hash(user) != stored
