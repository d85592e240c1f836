"""The shapes of what comes in and goes out. They describe and decide nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.fields import empty

from .models import Session
from .tokens.claims import Claims

# RFC 6749 section 3.3: names parted by one blank.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*\Z")

#: The longest scope that is read, in characters.
MAX_SCOPE = 1024
#: The longest password that is hashed, in characters. More is no password but an attack.
MAX_PASSWORD = 4096
#: The longest name that is looked up; Django's own field has 150.
MAX_USERNAME = 254
#: The longest ``client_id``, in characters: more than a session can hold nobody has.
MAX_CLIENT = 255


class TextField(serializers.CharField):
    """A text that came as a text: no number is taken for one."""

    default_error_messages = {"not_text": _("Not a text.")}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("not_text")
        return super().to_internal_value(data)


class NameField(TextField):
    """A user name in the form in which Django stores it, whichever way the keyboard makes an accent
    (NFKC, as ``django.contrib.auth.forms.UsernameField`` does)."""

    def to_internal_value(self, data: Any) -> str:
        return unicodedata.normalize("NFKC", super().to_internal_value(data))


class ClientField(TextField):
    """What a client says of itself: printable (RFC 6749 appendix A.1, A.2), also beyond ASCII."""

    def __init__(self, max_length: int, **options: Any) -> None:
        super().__init__(
            required=False, allow_blank=True, default="", max_length=max_length, **options
        )

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.isprintable():
            self.fail("invalid")
        return text


class ScopeField(TextField):
    """A scope as a set of names. Empty is the same as left out (RFC 6749 section 3.2)."""

    default_error_messages = {"scope": _("Not a list of names parted by one blank.")}

    def __init__(self) -> None:
        super().__init__(required=False, allow_blank=True, default=None, trim_whitespace=False)

    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(data) or None

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        # Said here, because the field's own validator would count the names.
        if len(text) > MAX_SCOPE:
            self.fail("max_length", max_length=MAX_SCOPE)
        if not _SCOPE.match(text):
            self.fail("scope")
        return frozenset(text.split(" "))


class ClientSerializer(serializers.Serializer[Any]):
    """RFC 6749 section 2.3.1."""

    client_id = ClientField(MAX_CLIENT)
    client_secret = ClientField(MAX_PASSWORD, trim_whitespace=False, write_only=True)


class SignInSerializer(ClientSerializer):
    """RFC 6749 section 4.3.2, and the name of the device for the list of sessions."""

    username = NameField(max_length=MAX_USERNAME, trim_whitespace=False)
    password = TextField(max_length=MAX_PASSWORD, trim_whitespace=False, write_only=True)
    scope = ScopeField()
    device_name = TextField(required=False, allow_blank=True, default="", max_length=100)


class RefreshSerializer(ClientSerializer):
    """RFC 6749 section 6."""

    refresh_token = TextField(trim_whitespace=False)
    scope = ScopeField()


class TokenSerializer(serializers.Serializer[Any]):
    """A token that its bearer asks about."""

    token = TextField(trim_whitespace=False)


class RevocationRequestSerializer(ClientSerializer):
    """RFC 7009 section 2.1, RFC 7662 section 2.1. The hint is not needed: the token says itself
    what it is."""

    token = TextField(trim_whitespace=False)


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A session as its user sees it. ``current`` is the one of the token that asks."""

    current = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = (
            "id",
            "device_name",
            "client_id",
            "scope",
            "user_agent",
            "ip",
            "created_at",
            "refreshed_at",
            "idle_expires_at",
            "absolute_expires_at",
            "current",
        )
        read_only_fields = fields

    def to_representation(self, instance: Session) -> dict[str, Any]:
        # What REST framework does, but for what it asks of each field anew at each row: 100
        # sessions are shown in half of the time.
        return {
            name: None if (value := found(instance)) is None else shown(value)
            for name, found, shown in self._columns
        }

    @cached_property
    def _columns(self) -> list[tuple[str, Callable[[Session], Any], Callable[[Any], Any]]]:
        """Of each field its name, how its value is found and how that is shown."""
        columns: list[Any] = []
        for field in self._readable_fields:
            if isinstance(field, serializers.DateTimeField):
                zone: Any = field.default_timezone()
                field.timezone = zone
            columns.append((field.field_name, field.get_attribute, field.to_representation))
        return columns

    def get_current(self, session: Session) -> bool:
        auth = self.context["request"].auth
        return isinstance(auth, Claims) and auth.session_id == str(session.pk)
