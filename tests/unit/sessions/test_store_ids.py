"""Session ids: UUIDs of version 7, which sort by time."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django_tokenauth.sessions import store as sessions
from tests.support.clock import NOW, after


class TestNewId:
    def test_session_id_is_uuid_7_of_its_timestamp(self):
        # The example of RFC 9562 appendix A.6.
        moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
        session_id = sessions.new_id(moment)
        assert (session_id.version, session_id.variant) == (7, uuid.RFC_4122)
        assert str(session_id).startswith("017f22e2-79b0-7")

    def test_session_ids_sort_by_time(self):
        moments = [after(milliseconds=number) for number in range(200)]
        session_ids = [sessions.new_id(moment) for moment in moments]
        assert sorted(session_ids) == session_ids
        assert sorted(map(str, session_ids)) == list(map(str, session_ids))

    def test_session_ids_of_one_time_vary_in_every_random_bit(self):
        session_ids = [sessions.new_id(NOW).int for _ in range(200)]
        assert len(set(session_ids)) == 200
        set_once, set_always = 0, session_ids[0]
        for session_id in session_ids:
            set_once, set_always = set_once | session_id, set_always & session_id
        # All bits below the timestamp vary, except the version and the variant.
        assert (set_once ^ set_always) == (1 << 80) - 1 - (0xF << 76) - (0b11 << 62)

    def test_naive_timestamp_of_session_id_is_in_project_time_zone(self, settings):
        settings.USE_TZ, settings.TIME_ZONE = False, "Asia/Seoul"
        naive = NOW.astimezone(ZoneInfo("Asia/Seoul")).replace(tzinfo=None)
        assert sessions.new_id(naive).int >> 80 == sessions.new_id(NOW).int >> 80
