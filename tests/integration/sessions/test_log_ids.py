"""Log ids: keyed hashes of session ids, and the search for the session of one."""

from __future__ import annotations

import hashlib
import hmac
import uuid

import pytest

from django_tokenauth.sessions import log_ids
from django_tokenauth.sessions.log_ids import log_id, parse_log_id, search
from tests.support.session_rows import create_session

ID = uuid.UUID("019ad0a2-5c80-7000-8000-000000000001")


def matches(wanted, batch_size=100):
    return [found for _, batch in search(wanted, batch_size) for found in batch]


class TestLogId:
    def test_log_id_is_an_hmac_with_a_derived_key(self, settings):
        settings.SECRET_KEY = "a secret of the project"
        key = hmac.new(
            b"a secret of the project", b"django_tokenauth session in the log", hashlib.sha256
        )
        assert log_id(ID) == hmac.new(key.digest(), ID.bytes, hashlib.sha256).hexdigest()[:12]

    def test_log_id_differs_by_secret_key_and_session_id(self, settings):
        first, other = log_id(ID), log_id(uuid.UUID(int=ID.int + 1))
        settings.SECRET_KEY = "another secret of the project"
        assert len({first, other, log_id(ID)}) == 3

    def test_session_id_does_not_contain_first_half_of_its_log_id(self):
        assert log_id(ID)[:6] not in ID.hex

    @pytest.mark.parametrize("text", ["3f9a0c51d2e7", " 3F9A0C51D2E7\n"])
    def test_parse_log_id_accepts_12_hexadecimal_digits(self, text):
        assert parse_log_id(text) == "3f9a0c51d2e7"

    @pytest.mark.parametrize(
        "text", ["", "3f9a0c51d2e", "3f9a0c51d2e70", "3f9a0c51d2eg", "٣f9a0c51d2e7", str(ID)]
    )
    def test_parse_log_id_rejects_malformed_text(self, text):
        assert parse_log_id(text) is None


class TestSearch:
    @pytest.mark.parametrize("batch_size", [1, 2, 5, 6])
    def test_log_id_search_reads_each_session_once(self, alice, batch_size):
        sessions = [create_session(alice) for _ in range(5)]
        for session in sessions:
            assert matches(log_id(session.pk), batch_size) == [session.pk]
        *_, (read, _) = search("0" * 12, batch_size)
        assert read == 5

    @pytest.mark.django_db
    def test_log_id_search_of_an_empty_table_yields_nothing(self):
        assert list(search("0" * 12, 10)) == []

    def test_log_id_search_of_two_batches_takes_three_statements(
        self, alice, django_assert_num_queries
    ):
        for _ in range(4):
            create_session(alice)
        with django_assert_num_queries(3):
            matches("0" * 12, 2)

    def test_log_id_search_finds_all_sessions_with_the_same_log_id(self, alice, monkeypatch):
        """With one digit, some of these sessions have the same log id."""
        monkeypatch.setattr(log_ids, "LENGTH", 1)
        sessions = [create_session(alice).pk for _ in range(40)]
        wanted = log_id(sessions[0])
        expected = {each for each in sessions if log_id(each) == wanted}
        assert set(matches(wanted, 7)) == expected

    def test_log_id_search_finds_log_ids_of_a_fallback_key(self, alice, settings):
        session, old = create_session(alice), settings.SECRET_KEY
        wanted = log_id(session.pk)
        settings.SECRET_KEY = "the next secret of the project"
        assert matches(wanted) == []
        settings.SECRET_KEY_FALLBACKS = [old]
        assert matches(wanted) == matches(log_id(session.pk)) == [session.pk]
