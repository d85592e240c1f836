"""The table of sessions, with one row for each sign-in."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from ._audience import MAX_AUDIENCES_LENGTH
from ._limits import MAX_AMR, MAX_CLIENT_ID, MAX_DEVICE_NAME, MAX_USER_AGENT
from ._scope import MAX_SCOPE_LENGTH
from ._utc import as_utc

if TYPE_CHECKING:
    _DateTimeField = models.DateTimeField[Any, Any]
else:
    _DateTimeField = models.DateTimeField

__all__ = ["RevokedReason", "Session", "UTCDateTimeField"]


class RevokedReason(models.TextChoices):
    """The reason for the revocation of a session."""

    SIGNED_OUT = "signed_out", _("signed out")
    REUSED = "reused", _("refresh token reused")
    USER_CHANGED = "user_changed", _("password changed or user deactivated")
    USER_DELETED = "user_deleted", _("user deleted")
    EVICTED = "evicted", _("too many sessions")
    ADMIN = "admin", _("revoked by an administrator")


class UTCDateTimeField(_DateTimeField):
    """A ``DateTimeField`` with UTC in its column and ``tzinfo`` in its values, for any ``USE_TZ``.

    Django's own field stores local times if ``USE_TZ`` is ``False``, or if the database has another
    ``TIME_ZONE`` and no type with a time zone. When clocks are set back, one hour of local times
    occurs twice.
    """

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return as_utc(value) if isinstance(value, datetime) else value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        value = value if prepared else self.get_prep_value(value)
        if isinstance(value, datetime) and not connection.features.supports_timezones:
            # Database backends convert only values with tzinfo.
            value = value.replace(tzinfo=None)
        return connection.ops.adapt_datetimefield_value(value)

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        if compiler.connection.features.supports_timezones and not settings.USE_TZ:
            # The database driver would convert the column to a local time.
            sql = f"({sql}) AT TIME ZONE 'UTC'"
        return sql, params

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> datetime | None:
        if value is None:
            return None
        if connection.features.supports_timezones and settings.USE_TZ:
            moment: datetime = value.astimezone(UTC)
            return moment
        # The database backend may have marked the value as a local time, without converting it.
        utc: datetime = value.replace(tzinfo=UTC, fold=0)
        return utc


# Sent with ``collector``, ``field``, ``rows`` and ``using`` before the sessions of deleted users
# lose their user or their actor.
_users_collected = Signal()

# Sent with ``user_id``, ``old`` and ``new`` after a save has replaced the *old* auth hashes of a
# user by *new*, although the password is the same.
_user_rehashed = Signal()


def _revoke_and_set_null(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """``on_delete``: revoke the sessions of deleted users, and keep their rows without the user.

    Django calls this function for each batch of users. A receiver of ``pre_delete`` would take
    statements for each user.
    """
    _users_collected.send(
        sender=Session, collector=collector, field=field, rows=sub_objs, using=using
    )
    models.SET_NULL(collector, field, sub_objs, using)


# Django then reads no session while it collects the users.
_revoke_and_set_null.lazy_sub_objs = True  # type: ignore[attr-defined]


class Session(models.Model):
    """One sign-in, with all of its refreshes.

    The refresh token contains the id and the generation of its session. The row contains no token,
    and a token cannot be created from the row alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The row remains after its user is deleted, because processes read revoked sessions from this
    # table. The index tokenauth_session_user replaces the one that Django creates for a foreign
    # key.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=_revoke_and_set_null,
        null=True,
        db_index=False,
        related_name="tokenauth_sessions",
        verbose_name=_("user"),
    )
    generation = models.PositiveBigIntegerField(_("generation"), default=1)
    # True if the last rotation accepted the previous refresh token outside the grace period
    # (REFRESH_RETRY). During a deployment, db_default lets processes of an older version add rows.
    retried = models.BooleanField(_("refresh retried"), default=False, db_default=False)
    created_at = UTCDateTimeField(_("signed in at"))
    refreshed_at = UTCDateTimeField(_("last refreshed at"))
    idle_expires_at = UTCDateTimeField(_("idle expiry"), help_text=_("Extended by each refresh."))
    absolute_expires_at = UTCDateTimeField(_("absolute expiry"), help_text=_("Never extended."))
    revoked_at = UTCDateTimeField(_("revoked at"), null=True, blank=True, db_index=True)
    revoked_reason = models.CharField(
        _("reason for revocation"), max_length=16, choices=RevokedReason.choices, blank=True
    )
    auth_hash = models.CharField(max_length=128, editable=False)
    scope = models.CharField(_("scope"), max_length=MAX_SCOPE_LENGTH, blank=True)
    # True if the sign-in requested a narrower scope than the user may have.
    scope_limited = models.BooleanField(_("limited scope"), default=False)
    # The audiences that the tokens may have, separated by spaces; empty for AUDIENCE only. A change
    # of AUDIENCE applies to each session, so the column contains "self" in its place.
    audiences = models.CharField(
        _("audiences"), max_length=MAX_AUDIENCES_LENGTH, blank=True, default="", db_default=""
    )
    client_id = models.CharField(_("client"), max_length=MAX_CLIENT_ID)
    # If this client is removed from CLIENTS, other clients must not be able to use its client_id.
    client_authenticated = models.BooleanField(
        _("client with a secret"), default=False, db_default=False
    )
    device_name = models.CharField(_("device name"), max_length=MAX_DEVICE_NAME, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=MAX_USER_AGENT, blank=True)
    ip = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    # The user agent and the IP address of the sign-in or the last rotation, at refreshed_at.
    last_user_agent = models.CharField(
        _("last user agent"), max_length=MAX_USER_AGENT, blank=True, default="", db_default=""
    )
    last_ip = models.GenericIPAddressField(_("last IP address"), null=True, blank=True)
    amr = models.CharField(_("authentication methods"), max_length=MAX_AMR, blank=True)
    # The last step-up (services.step_up), or None: then the user signed in only at created_at.
    authenticated_at = UTCDateTimeField(_("signed in again at"), null=True, blank=True)
    # The lifetimes that the sign-in set, or None for those of the settings.
    access_lifetime = models.DurationField(_("access token lifetime"), null=True, blank=True)
    idle_lifetime = models.DurationField(_("idle lifetime"), null=True, blank=True)
    data = models.JSONField(_("data of the sign-in"), null=True, blank=True)
    # The member of the staff who signed in as the user. The migration creates an index of the rows
    # with an actor: each refresh would write to an index of all rows.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=_revoke_and_set_null,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("actor"),
    )
    # A new password of the user or of the actor ends the session.
    actor_auth_hash = models.CharField(
        max_length=128, blank=True, default="", db_default="", editable=False
    )

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        permissions = [("revoke_session", "Can revoke session")]
        indexes = [
            models.Index(fields=["user", "created_at"], name="tokenauth_session_user"),
            models.Index(fields=["idle_expires_at"], name="tokenauth_session_expires"),
        ]

    def __str__(self) -> str:
        return self.device_name or str(self.id)

    @property
    def scopes(self) -> frozenset[str]:
        """The scope names in ``scope``."""
        return frozenset(self.scope.split())

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of the user's last sign-in in the session (RFC 8176); empty if unknown."""
        return tuple(self.amr.split())

    @property
    def auth_time(self) -> datetime:
        """The time of the user's last sign-in in the session: its start or the last step-up."""
        latest: datetime = self.authenticated_at or self.created_at
        return latest
