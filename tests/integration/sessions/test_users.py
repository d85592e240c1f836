"""Users and their password hashes, read from the database."""

from __future__ import annotations

import uuid

import pytest

from django_tokenauth.sessions import users


@pytest.mark.django_db
class TestWithSubject:
    def test_it_is_the_user_of_that_text(self, alice, bob, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert users.get_by_subject(str(bob.pk), "pk") == bob
        assert users.get_by_subject("alice", "username") == alice

    @pytest.mark.attack(90)
    @pytest.mark.parametrize(
        "form",
        [
            *("0{}", " {}", "{} ", "+{}", "{}.0", "{}.", "{}\n", "{}e0", "0_{}", "{}\x00", "\x00"),
            *("-{}", "{}{}", "{} or 1=1", "{},", "[{}]", "0x{}", "", "pk", "None", "True", "nan"),
        ],
    )
    def test_no_other_spelling_is_anybody(self, alice, bob, form):
        for user in (alice, bob):
            subject = form.format(user.pk, user.pk)
            assert users.get_by_subject(subject, "pk") is None

    @pytest.mark.attack(90)
    def test_the_digits_of_other_scripts_are_nobody(self, alice):
        # Arabic, Devanagari, full-width and mathematical digits, all of which int() reads.
        for zero in "\u0660\u0966\uff10\U0001d7ce":
            subject = "".join(chr(ord(zero) + int(digit)) for digit in str(alice.pk))
            assert users.get_by_subject(subject, "pk") is None

    @pytest.mark.parametrize(
        "subject",
        [str(2**63), str(-(2**63)), str(10**30), "9" * 5000, "1" * 255, "\ud800", "1e400"],
        ids=lambda subject: ascii(subject[:12]),
    )
    def test_numbers_beyond_every_column_are_nobody(self, alice, subject):
        assert users.get_by_subject(subject, "pk") is None

    @pytest.mark.attack(91)
    @pytest.mark.parametrize("subject", [str(uuid.UUID(int=7)), uuid.UUID(int=7).hex])
    def test_a_uuid_is_nobody_where_keys_are_numbers(self, alice, subject):
        assert users.get_by_subject(subject, "pk") is None

    @pytest.mark.parametrize(
        "subject", ["ALICE", "alice ", "Alice", "\xe1lice", "\uff41lice", "alice\x00", "\ud800"]
    )
    def test_what_a_collation_takes_for_equal_is_nobody(self, alice, subject):
        assert users.get_by_subject(subject, "username") is None


@pytest.mark.django_db
class TestStoredAuthHashes:
    def test_they_are_those_of_the_database_and_not_of_the_object(self, alice):
        before = users.auth_hashes(alice)
        alice.set_password("another")
        assert users.stored_auth_hashes(alice) == before != users.auth_hashes(alice)

    def test_those_of_fallback_keys_are_among_them(self, alice, settings):
        old = users.auth_hash(alice)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "a new secret key of the project"
        assert users.stored_auth_hashes(alice) == [users.auth_hash(alice), old]

    def test_who_is_not_stored_has_none(self, alice):
        alice.delete()
        alice.pk = 999_999
        assert users.stored_auth_hashes(alice) == []
