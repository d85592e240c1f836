"""Serializers for the requests of the routes, and for API tokens in responses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.fields import empty

from .._limits import MAX_API_TOKEN_NAME
from ..conf.settings import load
from ..serializers import _AudienceSerializer, _ScopeField, _StringField, _TimeField
from ..sessions.clock import utc_now
from .models import APIToken
from .services import latest_expiry


class _EndDateField(serializers.DateTimeField):
    """An end date in the future that ``MAX_API_TOKEN_LIFETIME`` permits, with its UTC offset."""

    default_error_messages = {
        "offset": _("Add the offset from UTC, for example Z."),
        "range": _("Must be in the future and not after {latest}."),
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.utcoffset() is None:
            self.fail("offset")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("overflow", timezone="UTC")

    def to_internal_value(self, value: Any) -> datetime:
        end: datetime = super().to_internal_value(value)
        latest = latest_expiry()
        if not utc_now() < end <= latest:
            self.fail("range", latest=latest.isoformat(timespec="seconds"))
        return end


class _OverlapField(serializers.IntegerField):
    """A number of seconds up to ``API_TOKEN_OVERLAP``, as a ``timedelta``."""

    default_error_messages = {"range": _("Must be from 0 to {longest}.")}

    def to_internal_value(self, data: Any) -> Any:
        seconds = super().to_internal_value(data)
        longest = int(load().api_token_overlap.total_seconds())
        if not 0 <= seconds <= longest:
            self.fail("range", longest=longest)
        return timedelta(seconds=seconds)


class _OptionalBooleanField(serializers.BooleanField):
    """A boolean that may be missing in a form too. REST framework reads it there as ``False``."""

    default_empty_html = empty


class _KnownParameters(serializers.Serializer[Any]):
    """Rejects unknown parameters: a misspelled ``scope`` would create a token without scopes."""

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        if not self.fields.keys() >= data.keys():
            names = ", ".join(self.fields)
            raise serializers.ValidationError(
                {"non_field_errors": [_("The parameters are {names}.").format(names=names)]}
            )
        return values


class APITokenNameSerializer(_KnownParameters, serializers.Serializer[Any]):
    """A new name of an API token."""

    name = _StringField(max_length=MAX_API_TOKEN_NAME)

    class Meta:
        ref_name = "TokenAuthAPITokenName"


class NewAPITokenSerializer(_AudienceSerializer, APITokenNameSerializer):
    """A new API token. Without ``scope``, it has no scope."""

    scope = _ScopeField()
    expires_at = _EndDateField(required=False)
    ends_with_password = _OptionalBooleanField(required=False)

    class Meta:
        ref_name = "TokenAuthNewAPIToken"


class APITokenRotationSerializer(_KnownParameters, serializers.Serializer[Any]):
    """A rotation: the overlap in seconds, and a new end date."""

    overlap = _OverlapField(required=False)
    expires_at = _EndDateField(required=False)

    class Meta:
        ref_name = "TokenAuthAPITokenRotation"


class APITokenSerializer(serializers.Serializer[Any]):
    """An API token as its user sees it, without the token."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    scope = serializers.CharField(read_only=True)
    audience = serializers.SerializerMethodField()
    last_four = serializers.CharField(read_only=True)
    created_at = _TimeField(read_only=True)
    rotated_at = _TimeField(read_only=True, allow_null=True)
    expires_at = _TimeField(read_only=True)
    previous_expires_at = _TimeField(read_only=True, allow_null=True)
    last_used_at = _TimeField(read_only=True, allow_null=True)
    ends_with_password = serializers.BooleanField(read_only=True)

    class Meta:
        ref_name = "TokenAuthAPIToken"

    def get_audience(self, token: APIToken) -> str:
        # The column contains the audience only if it depends on the request.
        return token.resource or token.audience or load().audience
