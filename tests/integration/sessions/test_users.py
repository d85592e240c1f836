"""Look-up of users by subject, and of their stored password hashes."""

from __future__ import annotations

import uuid

import pytest

from django_tokenauth.errors import InvalidGrant
from django_tokenauth.sessions import users
from tests.support.client import PASSWORDS
from tests.support.unsaved import unsaved_alice


class TestGetBySubject:
    def test_get_by_subject_returns_the_user_in_one_query(
        self, alice, bob, django_assert_num_queries
    ):
        with django_assert_num_queries(1):
            assert users.get_by_subject(str(bob.pk), "pk") == bob
        assert users.get_by_subject("alice", "username") == alice

    @pytest.mark.attack(90)
    @pytest.mark.parametrize(
        "spelling",
        [
            *("{}.0", "{}.", "{}e0", "{}\x00", "\x00", "{} or 1=1", "{},", "[{}]", "0x{}"),
            *("", "pk", "None", "True", "nan", "1e400", "\ud800"),
        ],
        ids=ascii,
    )
    def test_get_by_subject_rejects_strings_that_are_no_integer(self, spelling):
        """No statement: these tests have no database."""
        assert users.get_by_subject(spelling.format(1), "pk") is None

    @pytest.mark.attack(90)
    @pytest.mark.parametrize(
        "spelling", ["0{}", " {}", "{} ", "+{}", "{}\n", "0_{}", "-{}", "{}{}"]
    )
    def test_get_by_subject_rejects_other_spellings_of_a_number(self, alice, bob, spelling):
        for user in (alice, bob):
            subject = spelling.format(user.pk, user.pk)
            assert users.get_by_subject(subject, "pk") is None

    @pytest.mark.attack(90)
    def test_get_by_subject_rejects_digits_of_other_scripts(self, alice):
        # int() accepts Arabic, Devanagari, full-width and mathematical digits.
        for zero in "\u0660\u0966\uff10\U0001d7ce":
            subject = "".join(chr(ord(zero) + int(digit)) for digit in str(alice.pk))
            assert users.get_by_subject(subject, "pk") is None

    @pytest.mark.parametrize(
        "subject",
        [str(2**63), str(10**30), "9" * 5000, "1" * 255],
        ids=lambda subject: subject[:12],
    )
    def test_get_by_subject_rejects_numbers_out_of_range(self, subject):
        assert users.get_by_subject(subject, "pk") is None

    def test_get_by_subject_rejects_the_minimum_64_bit_integer(self, alice):
        """It is within the range of the keys on some databases."""
        assert users.get_by_subject(str(-(2**63)), "pk") is None

    @pytest.mark.attack(91)
    def test_get_by_subject_rejects_uuids_for_integer_keys(self):
        assert users.get_by_subject(str(uuid.UUID(int=7)), "pk") is None

    @pytest.mark.attack(91)
    def test_get_by_subject_rejects_uuid_digits_for_integer_keys(self, alice):
        assert users.get_by_subject(uuid.UUID(int=7).hex, "pk") is None

    @pytest.mark.parametrize(
        "subject", ["ALICE", "alice ", "Alice", "\xe1lice", "\uff41lice", "alice\x00", "\ud800"]
    )
    def test_get_by_subject_rejects_usernames_equal_by_collation(self, alice, subject):
        assert users.get_by_subject(subject, "username") is None


class TestStoredBeforeRehash:
    def test_stored_before_rehash_returns_user_with_stored_hashes(self, alice):
        before = users.auth_hashes(alice)
        alice.set_password("another")
        with users.rehashing(PASSWORDS["alice"]):
            stored = users.stored_before_rehash(alice)
        assert users.auth_hashes(stored) == before != users.auth_hashes(alice)

    def test_auth_hashes_include_fallback_secret_keys(self, settings):
        alice = unsaved_alice()
        alice.set_password(PASSWORDS["alice"])
        old = users.auth_hash(alice)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "a new secret key of the project"
        assert users.auth_hashes(alice) == [users.auth_hash(alice), old]

    def test_stored_before_rehash_of_a_deleted_user_returns_none(self, alice):
        alice.delete()
        alice.pk = 999_999
        with users.rehashing(PASSWORDS["alice"]):
            assert users.stored_before_rehash(alice) is None

    @pytest.mark.parametrize("password", ["another", None])
    def test_rehash_after_a_concurrent_password_change_is_rejected(self, alice, password):
        alice.set_password(password)
        alice.save()
        with users.rehashing(PASSWORDS["alice"]), pytest.raises(InvalidGrant):
            users.stored_before_rehash(alice)
