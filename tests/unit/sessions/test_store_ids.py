"""The ids of sessions are UUIDs of version 7, which sort by time."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django_tokenauth.sessions import store as sessions
from tests.support.clock import NOW, after


class TestNewId:
    def test_it_is_a_uuid_of_version_7_with_the_time_in_it(self):
        # The moment of the example in RFC 9562, appendix A.6.
        moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
        made = sessions.new_id(moment)
        assert (made.version, made.variant) == (7, uuid.RFC_4122)
        assert str(made).startswith("017f22e2-79b0-7")

    def test_what_is_made_later_sorts_later(self):
        milliseconds = [after(milliseconds=place) for place in range(200)]
        made = [sessions.new_id(moment) for moment in milliseconds]
        assert sorted(made) == made
        assert sorted(map(str, made)) == list(map(str, made))

    def test_all_of_one_moment_differ_in_each_bit_that_is_left(self):
        made = [sessions.new_id(NOW).int for _ in range(200)]
        assert len(set(made)) == 200
        ever, always = 0, made[0]
        for one in made:
            ever, always = ever | one, always & one
        assert (ever ^ always) == (1 << 80) - 1 - (0xF << 76) - (0b11 << 62)

    def test_a_moment_without_a_time_zone_is_of_the_one_of_the_project(self, settings):
        settings.USE_TZ, settings.TIME_ZONE = False, "Asia/Seoul"
        naive = NOW.astimezone(ZoneInfo("Asia/Seoul")).replace(tzinfo=None)
        assert sessions.new_id(naive).int >> 80 == sessions.new_id(NOW).int >> 80
