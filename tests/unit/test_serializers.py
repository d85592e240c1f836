"""Serializers: validated requests and representations."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.http import QueryDict
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import ModelSerializer

from django_tokenauth.models import Session
from django_tokenauth.serializers import (
    RefreshSerializer,
    RevocationRequestSerializer,
    SessionSerializer,
    SignInSerializer,
    TokenSerializer,
)
from django_tokenauth.tokens.claims import Claims

SURROGATES = {"lone": chr(0xD800), "in_text": f"correct horse {chr(0xDFFF)}"}
ALICE = {"username": "alice", "password": "correct horse"}


def codes(serializer):
    """Return the codes of all errors by field."""
    assert not serializer.is_valid()
    return {name: [error.code for error in errors] for name, errors in serializer.errors.items()}


class TestFields:
    """The fields of a serializer are copies: a change does not reach other requests."""

    def test_copied_field_shares_nothing_that_a_project_changes(self):
        field, declared = SignInSerializer().fields["password"], SignInSerializer().fields
        field.validators.append(list)
        field.error_messages["blank"] = "other"
        field.style["input_type"] = "password"
        field.help_text = "other"
        other = declared["password"]
        assert other is not field
        assert list not in other.validators
        assert other.error_messages["blank"] != "other"
        assert other.style == {}
        assert other.help_text is None

    def test_copied_field_validates_as_the_declared_one(self):
        data = {"username": "a" * 10_000, "password": 1, "scope": "a  b", "client_id": "\x07"}
        for _ in range(2):
            assert codes(SignInSerializer(data=data)) == {
                "username": ["max_length"],
                "password": ["not_string"],
                "scope": ["scope"],
                "client_id": ["invalid"],
            }

    @pytest.mark.parametrize("text", SURROGATES.values(), ids=SURROGATES)
    @pytest.mark.parametrize("name", ["username", "password", "refresh_token", "device_name"])
    def test_surrogate_in_parameter_is_rejected(self, name, text):
        serializer = SignInSerializer(data={**ALICE, name: text})
        assert codes(serializer) == {name: ["surrogate_characters_not_allowed"]}


class TestSignInSerializer:
    def test_sign_in_optional_fields_have_defaults(self):
        serializer = SignInSerializer(data=ALICE)
        assert serializer.is_valid()
        empty = dict.fromkeys(("client_id", "client_secret", "device_name", "refresh_token"), "")
        assert serializer.validated_data == {**ALICE, "scope": None, **empty}

    @pytest.mark.standard("rfc6749-3.2-3")
    @pytest.mark.parametrize(
        "field", ["client_id", "client_secret", "device_name", "refresh_token"]
    )
    def test_sign_in_empty_optional_field_is_read_as_missing(self, field):
        serializer = SignInSerializer(data={**ALICE, field: ""})
        assert serializer.is_valid()
        assert serializer.validated_data[field] == ""

    def test_sign_in_ignores_unknown_fields(self):
        serializer = SignInSerializer(data={**ALICE, "is_staff": True, "user": 1, "amr": "mfa"})
        assert serializer.is_valid()
        fields = {*ALICE, "scope", "client_id", "client_secret", "device_name", "refresh_token"}
        assert set(serializer.validated_data) == fields

    def test_sign_in_keeps_whitespace_in_username_and_secrets(self):
        data = {"username": " alice ", "password": " \tx\n ", "client_secret": " x "}
        serializer = SignInSerializer(data=data)
        assert serializer.is_valid()
        assert serializer.validated_data.items() >= data.items()

    def test_sign_in_representation_has_no_password_or_secret(self):
        request = SimpleNamespace(
            **ALICE, client_secret="s", scope="a", client_id="", device_name=""
        )
        fields = {"username", "scope", "client_id", "device_name"}
        assert set(SignInSerializer(request).data) == fields

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("username", 1, "Must be a string."),
            ("scope", "a  b", "Must be scope names separated by single spaces."),
            ("scope", "a" * 1025, "Ensure this field has no more than 1024 characters."),
        ],
    )
    def test_sign_in_error_message_says_what_is_expected(self, field, value, message):
        serializer = SignInSerializer(data={**ALICE, field: value})
        assert not serializer.is_valid()
        assert serializer.errors == {field: [message]}

    def test_sign_in_normalizes_username_but_not_password(self):
        decomposed = "ame\N{COMBINING ACUTE ACCENT}lie"
        serializer = SignInSerializer(data={"username": decomposed, "password": decomposed})
        assert serializer.is_valid()
        assert serializer.validated_data["username"] == "am\N{LATIN SMALL LETTER E WITH ACUTE}lie"
        assert serializer.validated_data["password"] == decomposed

    def test_sign_in_strips_the_device_name(self):
        serializer = SignInSerializer(data={**ALICE, "device_name": "  Alice's phone "})
        assert serializer.is_valid()
        assert serializer.validated_data["device_name"] == "Alice's phone"

    @pytest.mark.parametrize("kind", [SignInSerializer, RefreshSerializer])
    @pytest.mark.parametrize("label", ["a\x07b", "a\tb", "a\nb", "a\u200bb", "a\u00a0b"])
    def test_client_id_with_unprintable_character_is_rejected(self, kind, label):
        """Access tokens with an unprintable ``client_id`` would never be accepted."""
        body = {**ALICE, "refresh_token": "x", "client_id": label}
        assert codes(kind(data=body)) == {"client_id": ["invalid"]}

    @pytest.mark.parametrize("label", ["notes app", "\N{HANGUL SYLLABLE AEB}", "~" * 255])
    def test_printable_client_id_is_accepted(self, label):
        serializer = SignInSerializer(data={**ALICE, "client_id": label})
        assert serializer.is_valid()
        assert serializer.validated_data["client_id"] == label

    def test_sign_in_requires_username_and_password(self):
        assert codes(SignInSerializer(data={})) == {
            "username": ["required"],
            "password": ["required"],
        }

    @pytest.mark.parametrize("field", ["username", "password", "scope", "client_id", "device_name"])
    @pytest.mark.parametrize("value", [1, 1.5, True, ["alice"], {"a": "b"}, []])
    def test_sign_in_non_string_field_is_rejected(self, field, value):
        assert codes(SignInSerializer(data={**ALICE, field: value})) == {field: ["not_string"]}

    @pytest.mark.parametrize("field", ["username", "password", "client_id", "device_name"])
    def test_sign_in_null_field_is_rejected(self, field):
        assert codes(SignInSerializer(data={**ALICE, field: None})) == {field: ["null"]}

    @pytest.mark.standard("rfc6749-3.2-3")
    @pytest.mark.parametrize("field", ["username", "password"])
    def test_sign_in_empty_username_or_password_is_rejected(self, field):
        assert codes(SignInSerializer(data={**ALICE, field: ""})) == {field: ["blank"]}

    @pytest.mark.standard("rfc6749-2.2-2")
    @pytest.mark.parametrize(
        ("field", "max_length"),
        [
            *(("username", 254), ("password", 4096), ("device_name", 100)),
            *(("client_id", 255), ("client_secret", 4096)),
        ],
    )
    def test_sign_in_field_above_maximum_length_is_rejected(self, field, max_length):
        assert SignInSerializer(data={**ALICE, field: "é" * max_length}).is_valid()
        too_long = SignInSerializer(data={**ALICE, field: "é" * (max_length + 1)})
        assert codes(too_long) == {field: ["max_length"]}

    @pytest.mark.parametrize(
        ("field", "code"),
        [
            *((name, "null_characters_not_allowed") for name in ("username", "password")),
            ("scope", "scope"),
            ("client_id", "invalid"),
            ("device_name", "null_characters_not_allowed"),
        ],
    )
    def test_sign_in_field_with_nul_is_rejected(self, field, code):
        assert codes(SignInSerializer(data={**ALICE, field: "a\0b"})) == {field: [code]}


class TestScopeField:
    def scope(self, scope):
        serializer = RefreshSerializer(data={"refresh_token": "x", "scope": scope})
        assert serializer.is_valid(), serializer.errors
        return serializer.validated_data["scope"]

    @pytest.mark.parametrize(
        ("scope", "names"),
        [
            ("a", {"a"}),
            ("notes:read notes:write", {"notes:read", "notes:write"}),
            ("a b a", {"a", "b"}),
            ("!#[]~", {"!#[]~"}),
        ],
    )
    def test_scope_field_is_split_at_single_spaces(self, scope, names):
        assert self.scope(scope) == frozenset(names)

    def test_empty_scope_field_is_read_as_missing(self):
        assert self.scope("") is None

    @pytest.mark.parametrize(
        "scope",
        [" ", "\t", " a", "a ", "a  b", "a\tb", "a\nb", "a\x7f", 'a"b', "a\\b", "é", "a\x1fb"],
    )
    def test_malformed_scope_field_is_rejected(self, scope):
        serializer = RefreshSerializer(data={"refresh_token": "x", "scope": scope})
        assert codes(serializer) == {"scope": ["scope"]}

    def test_scope_field_above_1024_characters_is_rejected(self):
        assert self.scope("a" * 1024) == {"a" * 1024}
        serializer = RefreshSerializer(data={"refresh_token": "x", "scope": "a" * 1025})
        assert codes(serializer) == {"scope": ["max_length"]}


@pytest.mark.parametrize(
    ("serializer", "field"),
    [
        (RefreshSerializer, "refresh_token"),
        (TokenSerializer, "token"),
        (RevocationRequestSerializer, "token"),
    ],
)
class TestTokenFields:
    def test_token_field_keeps_surrounding_spaces(self, serializer, field):
        valid = serializer(data={field: " a.b.c "})
        assert valid.is_valid()
        assert valid.validated_data[field] == " a.b.c "

    @pytest.mark.parametrize(
        ("data", "code"),
        [({}, "required"), (None, "null"), ("", "blank"), (1, "not_string"), (["x"], "not_string")],
    )
    def test_token_field_requires_a_non_empty_string(self, serializer, field, data, code):
        body = {} if data == {} else {field: data}
        assert codes(serializer(data=body)) == {field: [code]}


@pytest.mark.parametrize(
    ("serializer", "name"),
    [
        (SignInSerializer, "TokenAuthSignIn"),
        (RefreshSerializer, "TokenAuthRefresh"),
        (TokenSerializer, "TokenAuthToken"),
        (RevocationRequestSerializer, "TokenAuthRevocationRequest"),
        (SessionSerializer, "TokenAuthSession"),
    ],
)
def test_serializer_has_its_own_name_in_schemas(serializer, name):
    """Schema generators name a component after ``ref_name``, which projects cannot clash with."""
    assert serializer.Meta.ref_name == name


NAMES = ((1, "alice"), (2, "bob"))


class TestSessionSerializer:
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
        last_user_agent="Browser/1.0",
        last_ip="192.0.2.1",
        amr="pwd",
    )

    def data(self, auth):
        request = SimpleNamespace(auth=auth)
        return SessionSerializer(self.SESSION, context={"request": request}).data

    def test_session_representation_has_exactly_the_public_fields(self, settings):
        settings.TIME_ZONE = "UTC"
        now = "2030-01-01T12:00:00Z"
        assert self.data(None) == {
            "id": "00000000-0000-0000-0000-000000000007",
            "device_name": "Alice's phone",
            "client_id": "phone",
            "scope": "a b",
            "user_agent": "curl",
            "ip": "2001:db8::1",
            "last_user_agent": "Browser/1.0",
            "last_ip": "192.0.2.1",
            "created_at": now,
            "refreshed_at": now,
            "idle_expires_at": now,
            "absolute_expires_at": now,
            "current": False,
            "impersonation": None,
        }

    def test_session_serializer_ignores_all_input(self):
        serializer = SessionSerializer(data={"device_name": "x", "current": True})
        assert serializer.is_valid()
        assert serializer.validated_data == {}

    def test_session_serializer_permits_null_for_missing_values(self):
        fields = SessionSerializer().fields.items()
        nullable = {name for name, field in fields if field.allow_null}
        assert nullable == {"ip", "last_ip", "impersonation"}

    def test_session_of_the_staff_names_both_users(self):
        alice, bob = (get_user_model()(pk=pk, username=name) for pk, name in NAMES)
        session = Session(user=alice, actor=bob)
        serializer = SessionSerializer(session)
        field = serializer.fields["impersonation"]
        shown = field.to_representation(field.get_attribute(session))
        assert shown == {"actor": "bob", "user": "alice"}

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/St_Johns"])
    @pytest.mark.parametrize("form", ["iso-8601", "%d.%m.%Y %H:%M", None])
    @pytest.mark.parametrize("use_tz", [True, False])
    def test_session_representation_equals_model_serializer_output(
        self, settings, zone, form, use_tz
    ):
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DATETIME_FORMAT": form}
        settings.USE_TZ = use_tz
        now = self.NOW
        rows = [
            Session(
                created_at=now,
                refreshed_at=now,
                idle_expires_at=now,
                absolute_expires_at=now,
                ip=ip,
                device_name=name,
            )
            for ip, name in ((None, ""), ("::", "x"))
        ]
        context = {"request": SimpleNamespace(auth=None)}
        with timezone.override(zone):
            plain = SessionSerializer(context=context)
            expected = [ModelSerializer.to_representation(plain, row) for row in rows]
            assert SessionSerializer(rows, many=True, context=context).data == expected

    @pytest.mark.attack(197)
    @pytest.mark.parametrize(
        ("created", "refreshed", "now", "shown"),
        [
            ("10:20", "10:20", "10:30", "10:20"),
            ("10:20", "10:25", "10:30", "10:20"),
            ("10:20", "12:59", "12:59", "11:00"),
            ("10:20", "12:59", "13:00", "12:00"),
            ("10:20", "12:59", "15:30", "12:00"),
        ],
    )
    def test_session_refreshed_at_is_delayed_and_rounded_to_the_hour(
        self, settings, created, refreshed, now, shown, time_machine
    ):
        """An attacker could otherwise wait for a refresh and reuse a token in the grace period."""
        settings.TIME_ZONE = "UTC"
        created, refreshed, now = (
            datetime.fromisoformat(f"2030-01-01T{time}:00Z") for time in (created, refreshed, now)
        )
        time_machine.move_to(now, tick=False)
        refreshed += timedelta(seconds=59, microseconds=1)
        session = Session(
            created_at=created,
            refreshed_at=refreshed,
            idle_expires_at=refreshed + timedelta(days=14),
            absolute_expires_at=created + timedelta(days=90),
        )
        context = {"request": SimpleNamespace(auth=None)}
        data = SessionSerializer(session, context=context).data
        assert data["refreshed_at"] == f"2030-01-01T{shown}:00Z"
        latest = datetime.fromisoformat(data["refreshed_at"]) + timedelta(days=14, hours=2)
        assert data["idle_expires_at"] == f"{latest:%Y-%m-%dT%H:%M:%SZ}"
        assert latest >= session.idle_expires_at

    def test_session_idle_expiry_is_at_most_the_absolute_expiry(self, settings):
        settings.TIME_ZONE = "UTC"
        assert self.data(None)["idle_expires_at"] == self.data(None)["absolute_expires_at"]

    def test_session_times_are_in_the_active_time_zone(self):
        times = []
        for zone in ("UTC", "Asia/Seoul"):
            with timezone.override(zone):
                times.append(self.data(None)["created_at"])
        assert times == ["2030-01-01T12:00:00Z", "2030-01-01T21:00:00+09:00"]

    @pytest.mark.parametrize(
        ("session", "current"),
        [(str(uuid.UUID(int=7)), True), (str(uuid.UUID(int=8)), False), (None, False)],
    )
    def test_session_is_current_if_the_token_belongs_to_it(self, session, current):
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


class TestUsernameField:
    """The username may have the name of ``USERNAME_FIELD``."""

    @pytest.fixture(autouse=True)
    def _by_email(self, monkeypatch):
        monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "email")

    def validated(self, data):
        serializer = SignInSerializer(data=data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    @pytest.mark.parametrize("form", [dict, lambda body: QueryDict(urlencode(body))])
    @pytest.mark.parametrize("names", [["email"], ["username"], ["username", "email"]])
    def test_username_is_read_from_either_name(self, names, form):
        body = {**dict.fromkeys(names, "a@example.com"), "password": "x", "scope": ""}
        assert self.validated(form(body))["username"] == "a@example.com"
        assert "email" not in self.validated(form(body))

    @pytest.mark.parametrize(
        ("body", "errors"),
        [
            ({"password": "x"}, {"username"}),
            ({"email": "a@example.com"}, {"password"}),
            ({"email": "", "password": "x"}, {"email"}),
            ({"email": ["a"], "password": ""}, {"email", "password"}),
            ({"email": "a", "username": "b", "password": "x"}, {"email"}),
            ({"username": "", "password": "x"}, {"username"}),
        ],
    )
    def test_error_names_the_parameter_of_the_client(self, body, errors):
        with pytest.raises(ValidationError) as error:
            self.validated(body)
        assert set(error.value.detail) == errors

    def test_body_that_is_no_object_is_rejected(self):
        with pytest.raises(ValidationError):
            self.validated(["email"])


def test_email_is_ignored_if_it_is_not_the_username_field():
    serializer = SignInSerializer(data={"username": "a", "email": "b", "password": "x"})
    serializer.is_valid(raise_exception=True)
    assert serializer.validated_data["username"] == "a"
