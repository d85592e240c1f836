"""Serializers for the requests of the token endpoints, and for sessions in responses.

The serializers check types, lengths and characters, but not whether a password, a token or a secret
is valid.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.utils.formatting import lazy_format
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from ._audience import is_absolute_uri
from ._limits import MAX_CLIENT_ID, MAX_DEVICE_NAME, MAX_PASSWORD, MAX_USERNAME
from ._scope import MAX_SCOPE_LENGTH, parse_scope
from .conf.settings import load
from .models import Session
from .sessions.clock import utc_now
from .tokens.claims import Claims

__all__ = [
    "ClientCredentialsSerializer",
    "IntrospectionRequestSerializer",
    "RefreshSerializer",
    "RevocationRequestSerializer",
    "SessionSerializer",
    "SignInSerializer",
    "TokenExchangeSerializer",
    "TokenSerializer",
]


class _SurrogateValidator(ProhibitSurrogateCharactersValidator):
    """Rejects surrogates, and does not read each character of an ASCII string."""

    def __call__(self, value: Any) -> None:
        if not str(value).isascii():
            super().__call__(value)


class _Message:
    """A message with values, in the language of each use.

    REST framework's ``lazy_format`` keeps the language of its first use, so a copied field would
    need copies of its messages.
    """

    def __init__(self, message: lazy_format) -> None:
        self._message = message

    def __str__(self) -> str:
        return str(copy(self._message))

    def __mod__(self, values: Any) -> str:
        text: str = str(self) % values
        return text


def _for_copies(validator: Any) -> Any:
    """Return a validator of REST framework that all copies of a field can share."""
    if isinstance(validator, ProhibitSurrogateCharactersValidator):
        return _SurrogateValidator()
    if isinstance(getattr(validator, "message", None), lazy_format):
        validator.message = _Message(validator.message)
    return validator


class _StringField(serializers.CharField):
    """A string field that rejects numbers, with copies that cost less than REST framework's.

    REST framework's ``CharField`` converts numbers to strings, and each serializer copies its
    fields.
    """

    default_error_messages = {"not_string": _("Must be a string.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators = [*map(_for_copies, self.validators)]

    def __deepcopy__(self, memo: Any) -> _StringField:
        # REST framework repeats __init__. The project may change what is copied here.
        field = copy(self)
        field.validators = list(self.validators)
        field.error_messages = dict(self.error_messages)
        field.style = dict(self.style)
        return field

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("not_string")
        return super().to_internal_value(data)


class _UsernameField(_StringField):
    """A username, normalized with NFKC as in ``django.contrib.auth.forms.UsernameField``."""

    def to_internal_value(self, data: Any) -> str:
        return unicodedata.normalize("NFKC", super().to_internal_value(data))


class _ClientField(_StringField):
    """A client's id or secret. RFC 6749 appendix A.1 and A.2 permit only printable ASCII
    characters, and this field permits all printable characters."""

    def __init__(self, max_length: int, **options: Any) -> None:
        super().__init__(
            required=False, allow_blank=True, default="", max_length=max_length, **options
        )

    def to_internal_value(self, data: Any) -> str:
        string = super().to_internal_value(data)
        if not string.isprintable():
            self.fail("invalid")
        return string


class _ScopeField(_StringField):
    """A scope, as a frozenset of names; ``None`` if it is empty (RFC 6749 section 3.2)."""

    default_error_messages = {"scope": _("Must be scope names separated by single spaces.")}

    def __init__(self) -> None:
        super().__init__(required=False, allow_blank=True, default=None, trim_whitespace=False)

    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(data) or None

    def to_internal_value(self, data: Any) -> Any:
        scope = super().to_internal_value(data)
        # REST framework's max_length would count the names of the set.
        if len(scope) > MAX_SCOPE_LENGTH:
            self.fail("max_length", max_length=MAX_SCOPE_LENGTH)
        names = parse_scope(scope)
        if names is None:
            self.fail("scope")
        return names


class _AudienceField(_StringField):
    """The audience of an access token; ``None`` if it is empty."""

    default_error_messages = {"invalid_target": _("Must be one audience of this server.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(
            required=False, allow_blank=True, default=None, trim_whitespace=False, **options
        )

    def run_validation(self, data: Any = empty) -> Any:
        try:
            return super().run_validation(data) or None
        except serializers.ValidationError:
            # RFC 8707 section 2 has one error for all invalid values.
            self.fail("invalid_target")


class _ResourceField(_AudienceField):
    """An audience as an absolute URI without a fragment (RFC 8707 section 2)."""

    def to_internal_value(self, data: Any) -> str:
        resource = super().to_internal_value(data)
        if not is_absolute_uri(resource):
            self.fail("invalid_target")
        return resource


class _AudienceSerializer(serializers.Serializer[Any]):
    """The parameters ``resource`` and ``audience``, for projects with ``AUDIENCES``."""

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        if load().audiences:
            fields["resource"] = _ResourceField(
                help_text="The audience of the access token (RFC 8707): AUDIENCE, or one of "
                "AUDIENCES."
            )
            fields["audience"] = _AudienceField(help_text="Another name of resource.")
        return fields


class _ClientSerializer(serializers.Serializer[Any]):
    """The client authentication of a request (RFC 6749 section 2.3.1)."""

    client_id = _ClientField(MAX_CLIENT_ID)
    client_secret = _ClientField(MAX_PASSWORD, trim_whitespace=False, write_only=True)


class SignInSerializer(_AudienceSerializer, _ClientSerializer):
    """The password grant (RFC 6749 section 4.3.2), with a device name for the list of sessions.

    With ``refresh_token``, the sign-in continues the session of this token, for example after a
    challenge of RFC 9470.
    The username may also have the name of ``USERNAME_FIELD``, for example ``email``.
    """

    username = _UsernameField(max_length=MAX_USERNAME, trim_whitespace=False)
    password = _StringField(max_length=MAX_PASSWORD, trim_whitespace=False, write_only=True)
    scope = _ScopeField()
    device_name = _StringField(
        required=False, allow_blank=True, default="", max_length=MAX_DEVICE_NAME
    )
    refresh_token = _StringField(
        required=False,
        allow_blank=True,
        default="",
        trim_whitespace=False,
        write_only=True,
        help_text="Continues the session of this token after the sign-in (step-up).",
    )

    class Meta:
        ref_name = "TokenAuthSignIn"

    def to_internal_value(self, data: Any) -> Any:
        name = get_user_model().USERNAME_FIELD
        if name in self.fields or not isinstance(data, Mapping) or name not in data:
            return super().to_internal_value(data)
        if "username" in data and data["username"] != data[name]:
            raise serializers.ValidationError({name: _("Must equal username.")})
        named: Any = data.copy()  # type: ignore[attr-defined]
        named["username"] = data[name]
        try:
            return super().to_internal_value(named)
        except serializers.ValidationError as error:
            detail: Any = error.detail
            if "username" not in detail:
                raise
            # Name the parameter that the client sent.
            renamed = {name if each == "username" else each: detail[each] for each in detail}
            raise serializers.ValidationError(renamed) from None


class RefreshSerializer(_AudienceSerializer, _ClientSerializer):
    """The refresh token grant (RFC 6749 section 6)."""

    refresh_token = _StringField(trim_whitespace=False)
    scope = _ScopeField()

    class Meta:
        ref_name = "TokenAuthRefresh"


class ClientCredentialsSerializer(_AudienceSerializer, _ClientSerializer):
    """The grant of service accounts (RFC 6749 section 4.4.2)."""

    scope = _ScopeField()

    class Meta:
        ref_name = "TokenAuthClientCredentials"


class TokenExchangeSerializer(_AudienceSerializer, _ClientSerializer):
    """The grant of token exchange (RFC 8693 section 2.1)."""

    subject_token = _StringField(trim_whitespace=False)
    subject_token_type = _StringField()
    requested_token_type = _StringField(
        required=False, default="urn:ietf:params:oauth:token-type:access_token"
    )
    scope = _ScopeField()

    class Meta:
        ref_name = "TokenAuthTokenExchange"


class TokenSerializer(_AudienceSerializer):
    """An access token to verify."""

    token = _StringField(trim_whitespace=False)

    class Meta:
        ref_name = "TokenAuthToken"


class RevocationRequestSerializer(_ClientSerializer):
    """A token to revoke (RFC 7009 section 2.1).

    ``token_type_hint`` is ignored, because the header of the token contains its type.
    """

    token = _StringField(trim_whitespace=False)

    class Meta:
        ref_name = "TokenAuthRevocationRequest"


class IntrospectionRequestSerializer(_AudienceSerializer, RevocationRequestSerializer):
    """A token to introspect (RFC 7662 section 2.1), and the audience of the resource server."""

    class Meta:
        ref_name = "TokenAuthIntrospectionRequest"


class _TimeField(serializers.DateTimeField):
    """A time with its offset from UTC, also without ``USE_TZ``."""

    def default_timezone(self) -> tzinfo:
        zone: tzinfo = super().default_timezone() or UTC
        return zone


_HOUR = timedelta(hours=1)


def _shown_refreshed_at(session: Session) -> datetime:
    """Return the time of the last refresh, rounded down to the hour and at least one hour ago, but
    not before the sign-in.

    The exact time of the last refresh would show an attacker with a stolen refresh token when the
    owner of the session refreshes. The attacker could then send the used refresh token within the
    grace period. If the last refresh was in the current or the previous hour, another refresh does
    not change the returned time.
    """
    last_full_hour = _to_hour(utc_now()) - _HOUR
    shown: datetime = max(session.created_at, min(_to_hour(session.refreshed_at), last_full_hour))
    return shown


def _to_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


class _RefreshedAtField(_TimeField):
    """``refreshed_at``, as :func:`_shown_refreshed_at` rounds it."""

    def get_attribute(self, instance: Session) -> datetime:
        return _shown_refreshed_at(instance)


class _IdleExpiryField(_TimeField):
    """The latest time at which the session expires if it is not refreshed.

    The exact idle expiry would reveal the time of the last refresh, so this field shows a time that
    is up to two hours later.
    """

    def get_attribute(self, instance: Session) -> datetime:
        lifetime = instance.idle_lifetime or load().refresh_token_lifetime
        latest = _shown_refreshed_at(instance) + lifetime + 2 * _HOUR
        shown: datetime = min(latest, instance.absolute_expires_at)
        return shown


class _ImpersonationSerializer(serializers.Serializer[Any]):
    """The usernames of a session in which a member of the staff acts as a user."""

    actor = serializers.CharField(source="actor.get_username", read_only=True)
    user = serializers.CharField(source="user.get_username", read_only=True)

    class Meta:
        ref_name = "TokenAuthImpersonation"

    def get_attribute(self, instance: Session) -> Session | None:
        return None if instance.actor_id is None else instance


class SessionSerializer(serializers.Serializer[Any]):
    """A session as its user sees it. ``current`` is true for the session of the request.

    ``impersonation`` is ``None``, or for a session of
    :func:`~django_tokenauth.services.impersonate` the usernames ``{"actor": "bob", "user":
    "alice"}``: bob acts as alice.
    """

    id = serializers.UUIDField(read_only=True)
    device_name = serializers.CharField(read_only=True)
    client_id = serializers.CharField(read_only=True)
    scope = serializers.CharField(read_only=True)
    user_agent = serializers.CharField(read_only=True)
    ip = serializers.IPAddressField(read_only=True, allow_null=True)
    last_user_agent = serializers.CharField(read_only=True)
    last_ip = serializers.IPAddressField(read_only=True, allow_null=True)
    created_at = _TimeField(read_only=True)
    refreshed_at = _RefreshedAtField(read_only=True)
    idle_expires_at = _IdleExpiryField(read_only=True)
    absolute_expires_at = _TimeField(read_only=True)
    current = serializers.SerializerMethodField()
    impersonation = _ImpersonationSerializer(read_only=True, allow_null=True)

    class Meta:
        ref_name = "TokenAuthSession"

    def get_current(self, session: Session) -> bool:
        """Return whether the session is that of the ``request`` in the context."""
        auth = self.context["request"].auth
        return isinstance(auth, Claims) and auth.session_id == str(session.pk)
