"""Session without the database: ``str()``, scopes and methods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from django_tokenauth.models import RevokedReason, Session, UTCDateTimeField


class TestSession:
    def test_session_str_is_its_device_name(self):
        assert str(Session(device_name="Alice's phone")) == "Alice's phone"

    def test_session_str_without_device_name_is_its_id(self):
        session = Session()
        assert str(session) == str(session.pk)

    @pytest.mark.parametrize(
        ("stored", "names"),
        [
            ("", frozenset()),
            ("notes:read", frozenset({"notes:read"})),
            ("notes:read notes:write", frozenset({"notes:read", "notes:write"})),
        ],
    )
    def test_session_scopes_are_a_set_of_names(self, stored, names):
        assert Session(scope=stored).scopes == names

    @pytest.mark.parametrize(("stored", "methods"), [("", ()), ("pwd otp", ("pwd", "otp"))])
    def test_session_authentication_methods_keep_their_order(self, stored, methods):
        assert Session(amr=stored).methods == methods

    def test_session_auth_time_is_the_last_step_up_or_the_start(self):
        start, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
        assert Session(created_at=start).auth_time == start
        assert Session(created_at=start, authenticated_at=later).auth_time == later

    def test_session_default_id_is_random(self):
        first, second = Session(), Session()
        assert first.pk != second.pk
        assert first.pk.version == 4


class TestRevokedReason:
    @pytest.mark.parametrize("reason", RevokedReason)
    def test_revoked_reason_fits_its_column(self, reason):
        assert len(reason) <= Session._meta.get_field("revoked_reason").max_length


class TestUTCDateTimeField:
    """The parts that depend on the database: PostgreSQL converts times, and others do not."""

    FIELD = UTCDateTimeField()
    TIME = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("zones", "use_tz", "sql"),
        [
            (True, False, "(revoked_at) AT TIME ZONE 'UTC'"),
            (True, True, "revoked_at"),
            (False, False, "revoked_at"),
            (False, True, "revoked_at"),
        ],
    )
    def test_datetime_column_without_use_tz_is_selected_in_utc(self, settings, zones, use_tz, sql):
        settings.USE_TZ = use_tz
        compiler = SimpleNamespace(connection=database(zones=zones))
        assert self.FIELD.select_format(compiler, "revoked_at", ()) == (sql, ())

    @pytest.mark.parametrize(
        ("zones", "use_tz", "value"),
        [
            (True, True, TIME.astimezone(timezone(timedelta(hours=2)))),
            (True, False, TIME.replace(tzinfo=None)),
            (False, True, TIME.replace(tzinfo=timezone(timedelta(hours=2)), fold=1)),
            (False, False, TIME.replace(tzinfo=None)),
        ],
    )
    def test_datetime_column_is_read_as_utc(self, settings, zones, use_tz, value):
        settings.USE_TZ = use_tz
        found = self.FIELD.from_db_value(value, None, database(zones=zones))
        assert found == self.TIME
        assert (found.tzinfo, found.fold) == (UTC, 0)
        assert self.FIELD.from_db_value(None, None, database(zones=zones)) is None

    IN_PARIS = TIME.astimezone(timezone(timedelta(hours=2)))

    @pytest.mark.parametrize(
        ("zones", "prepared", "stored"),
        [
            (True, {}, TIME),
            (True, {"prepared": False}, TIME),
            (True, {"prepared": True}, IN_PARIS),
            (False, {}, TIME.replace(tzinfo=None)),
            (False, {"prepared": False}, TIME.replace(tzinfo=None)),
        ],
    )
    def test_datetime_column_is_written_in_utc_unless_prepared(self, zones, prepared, stored):
        written = self.FIELD.get_db_prep_value(self.IN_PARIS, database(zones=zones), **prepared)
        assert (written, written.tzinfo) == (stored, stored.tzinfo)


def database(*, zones):
    """Return what the field reads of a connection."""
    return SimpleNamespace(
        features=SimpleNamespace(supports_timezones=zones),
        ops=SimpleNamespace(adapt_datetimefield_value=lambda value: value),
    )
