"""The shapes of what comes in and goes out."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.utils import timezone
from rest_framework.serializers import ModelSerializer

from django_tokenauth.models import Session
from django_tokenauth.serializers import (
    RefreshSerializer,
    SessionSerializer,
    SignInSerializer,
    TokenSerializer,
)
from django_tokenauth.tokens.claims import Claims

ALICE = {"username": "alice", "password": "correct horse"}


def codes(serializer):
    """The codes of all errors, by field."""
    assert not serializer.is_valid()
    return {name: [error.code for error in errors] for name, errors in serializer.errors.items()}


class TestSignIn:
    def test_what_may_be_left_out_has_a_value(self):
        serializer = SignInSerializer(data=ALICE)
        assert serializer.is_valid()
        left_out = {"scope": None, "client_id": "", "client_secret": "", "device_name": ""}
        assert serializer.validated_data == {**ALICE, **left_out}

    def test_everything_else_is_left_out(self):
        serializer = SignInSerializer(data={**ALICE, "is_staff": True, "user": 1, "amr": "mfa"})
        assert serializer.is_valid()
        known = {*ALICE, "scope", "client_id", "client_secret", "device_name"}
        assert set(serializer.validated_data) == known

    def test_name_and_password_are_taken_to_the_letter(self):
        serializer = SignInSerializer(data={"username": " alice ", "password": " \tx\n "})
        assert serializer.is_valid()
        assert serializer.validated_data["username"] == " alice "
        assert serializer.validated_data["password"] == " \tx\n "

    def test_a_name_has_the_form_that_django_stores_and_a_password_its_own(self):
        typed = "ame\N{COMBINING ACUTE ACCENT}lie"
        serializer = SignInSerializer(data={"username": typed, "password": typed})
        assert serializer.is_valid()
        assert serializer.validated_data["username"] == "am\N{LATIN SMALL LETTER E WITH ACUTE}lie"
        assert serializer.validated_data["password"] == typed

    def test_blanks_around_the_name_of_a_device_are_dropped(self):
        serializer = SignInSerializer(data={**ALICE, "device_name": "  Alice's phone "})
        assert serializer.is_valid()
        assert serializer.validated_data["device_name"] == "Alice's phone"

    @pytest.mark.parametrize("kind", [SignInSerializer, RefreshSerializer])
    @pytest.mark.parametrize("label", ["a\x07b", "a\tb", "a\nb", "a\u200bb", "a\u00a0b"])
    def test_a_client_that_no_token_can_name_is_refused(self, kind, label):
        """The access token would be refused from its first use on."""
        given = {**ALICE, "refresh_token": "x", "client_id": label}
        assert codes(kind(data=given)) == {"client_id": ["invalid"]}

    @pytest.mark.parametrize("label", ["notes app", "\N{HANGUL SYLLABLE AEB}", "~" * 255])
    def test_a_client_that_a_token_can_name_is_taken(self, label):
        serializer = SignInSerializer(data={**ALICE, "client_id": label})
        assert serializer.is_valid()
        assert serializer.validated_data["client_id"] == label

    def test_name_and_password_are_needed(self):
        assert codes(SignInSerializer(data={})) == {
            "username": ["required"],
            "password": ["required"],
        }

    @pytest.mark.parametrize("field", ["username", "password", "scope", "client_id", "device_name"])
    @pytest.mark.parametrize("value", [1, 1.5, True, ["alice"], {"a": "b"}, []])
    def test_what_is_no_text_is_not_made_one(self, field, value):
        assert codes(SignInSerializer(data={**ALICE, field: value})) == {field: ["not_string"]}

    @pytest.mark.parametrize("field", ["username", "password", "client_id", "device_name"])
    def test_null_is_no_text(self, field):
        assert codes(SignInSerializer(data={**ALICE, field: None})) == {field: ["null"]}

    @pytest.mark.standard("rfc6749-3.2-3")
    @pytest.mark.parametrize("field", ["username", "password"])
    def test_an_empty_one_is_missing(self, field):
        assert codes(SignInSerializer(data={**ALICE, field: ""})) == {field: ["blank"]}

    @pytest.mark.standard("rfc6749-2.2-2")
    @pytest.mark.parametrize(
        ("field", "most"),
        [("username", 254), ("password", 4096), ("client_id", 255), ("device_name", 100)],
    )
    def test_the_greatest_length(self, field, most):
        assert SignInSerializer(data={**ALICE, field: "é" * most}).is_valid()
        too_long = SignInSerializer(data={**ALICE, field: "é" * (most + 1)})
        assert codes(too_long) == {field: ["max_length"]}

    @pytest.mark.parametrize("field", ["username", "password", "scope", "client_id", "device_name"])
    def test_nul_is_refused(self, field):
        [found] = codes(SignInSerializer(data={**ALICE, field: "a\0b"})).items()
        assert found[0] == field
        assert found[1][0] in ("null_characters_not_allowed", "scope", "invalid")


class TestScope:
    def scope(self, text):
        serializer = RefreshSerializer(data={"refresh_token": "x", "scope": text})
        assert serializer.is_valid(), serializer.errors
        return serializer.validated_data["scope"]

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("a", {"a"}),
            ("notes:read notes:write", {"notes:read", "notes:write"}),
            ("a b a", {"a", "b"}),
            ("!#[]~", {"!#[]~"}),
        ],
    )
    def test_names_are_parted_by_one_blank(self, text, names):
        assert self.scope(text) == frozenset(names)

    def test_an_empty_one_is_left_out(self):
        assert self.scope("") is None

    @pytest.mark.parametrize(
        "text",
        [" ", "\t", " a", "a ", "a  b", "a\tb", "a\nb", "a\x7f", 'a"b', "a\\b", "é", "a\x1fb"],
    )
    def test_no_other_letters(self, text):
        serializer = RefreshSerializer(data={"refresh_token": "x", "scope": text})
        assert codes(serializer) == {"scope": ["scope"]}

    def test_the_greatest_length_is_of_the_text_and_not_of_the_set(self):
        assert self.scope("a" * 1024) == {"a" * 1024}
        serializer = RefreshSerializer(data={"refresh_token": "x", "scope": "a" * 1025})
        assert codes(serializer) == {"scope": ["max_length"]}


@pytest.mark.parametrize(
    ("serializer", "field"), [(RefreshSerializer, "refresh_token"), (TokenSerializer, "token")]
)
class TestToken:
    def test_it_is_taken_to_the_letter(self, serializer, field):
        valid = serializer(data={field: " a.b.c "})
        assert valid.is_valid()
        assert valid.validated_data[field] == " a.b.c "

    @pytest.mark.parametrize(
        ("data", "code"),
        [({}, "required"), (None, "null"), ("", "blank"), (1, "not_string"), (["x"], "not_string")],
    )
    def test_it_is_needed_and_a_text(self, serializer, field, data, code):
        given = {} if data == {} else {field: data}
        assert codes(serializer(data=given)) == {field: [code]}


class TestSession:
    NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
    SESSION = Session(
        id=uuid.UUID(int=7),
        user_id=1,
        generation=3,
        created_at=NOW,
        refreshed_at=NOW,
        idle_expires_at=NOW,
        absolute_expires_at=NOW,
        auth_hash="hidden",
        scope="a b",
        client_id="phone",
        device_name="Alice's phone",
        user_agent="curl",
        ip="2001:db8::1",
        amr="pwd",
    )

    def data(self, auth):
        request = SimpleNamespace(auth=auth)
        return SessionSerializer(self.SESSION, context={"request": request}).data

    def test_a_user_sees_this_and_nothing_else(self, settings):
        settings.TIME_ZONE = "UTC"
        now = "2030-01-01T12:00:00Z"
        assert self.data(None) == {
            "id": "00000000-0000-0000-0000-000000000007",
            "device_name": "Alice's phone",
            "client_id": "phone",
            "scope": "a b",
            "user_agent": "curl",
            "ip": "2001:db8::1",
            "created_at": now,
            "refreshed_at": now,
            "idle_expires_at": now,
            "absolute_expires_at": now,
            "current": False,
        }

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/St_Johns"])
    @pytest.mark.parametrize("form", ["iso-8601", "%d.%m.%Y %H:%M", None])
    @pytest.mark.parametrize("use_tz", [True, False])
    def test_it_is_what_rest_framework_would_say(self, settings, zone, form, use_tz):
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DATETIME_FORMAT": form}
        settings.USE_TZ = use_tz
        now = self.NOW if use_tz else self.NOW.replace(tzinfo=None)
        rows = [
            Session(created_at=now, ip=ip, device_name=name)
            for ip, name in ((None, ""), ("::", "x"))
        ]
        context = {"request": SimpleNamespace(auth=None)}
        with timezone.override(zone):
            plain = SessionSerializer(context=context)
            wanted = [ModelSerializer.to_representation(plain, row) for row in rows]
            assert SessionSerializer(rows, many=True, context=context).data == wanted

    def test_times_are_those_of_the_zone_of_each_request(self):
        found = []
        for zone in ("UTC", "Asia/Seoul"):
            with timezone.override(zone):
                found.append(self.data(None)["created_at"])
        assert found == ["2030-01-01T12:00:00Z", "2030-01-01T21:00:00+09:00"]

    @pytest.mark.parametrize(
        ("session", "current"),
        [(str(uuid.UUID(int=7)), True), (str(uuid.UUID(int=8)), False), (None, False)],
    )
    def test_current_is_the_one_of_the_token_that_asks(self, session, current):
        claims = Claims(
            issuer="i",
            audience=("i",),
            subject="1",
            client_id="phone",
            issued_at=1,
            expires_at=2,
            jwt_id="j",
            session_id=session,
        )
        assert self.data(claims)["current"] is current
