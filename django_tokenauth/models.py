"""The one table: a row per sign-in, however often it is refreshed."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class RevokedReason(models.TextChoices):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out", _("signed out")
    REUSED = "reused", _("refresh token reused")
    USER_CHANGED = "user_changed", _("password changed or user deactivated")
    USER_DELETED = "user_deleted", _("user deleted")
    EVICTED = "evicted", _("too many sessions")
    ADMIN = "admin", _("ended by an administrator")


class Session(models.Model):
    """One sign-in. Its refresh token is ``(id, generation)`` under our signature.

    No token is stored, and nothing from which one could be made.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Kept without the user after a deletion, so that processes which only hold a list of revoked
    # sessions learn of it. A foreign key makes an index of its own, which the one below replaces.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,
        related_name="tokenauth_sessions",
        verbose_name=_("user"),
    )
    generation = models.PositiveBigIntegerField(_("generation"), default=1)
    # The generation before this one is that of a lost answer, whose predecessor was taken again.
    # The database knows the default too: older processes add rows while a newer one is rolled out.
    retried = models.BooleanField(_("refresh retried"), default=False, db_default=False)
    created_at = models.DateTimeField(_("signed in at"))
    refreshed_at = models.DateTimeField(_("last refreshed at"))
    idle_expires_at = models.DateTimeField(
        _("ends at"), help_text=_("If it is not used until then. Each refresh moves it.")
    )
    absolute_expires_at = models.DateTimeField(_("ends at the latest at"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, db_index=True)
    revoked_reason = models.CharField(
        _("reason"), max_length=16, choices=RevokedReason.choices, blank=True
    )
    auth_hash = models.CharField(max_length=128, editable=False)
    scope = models.CharField(_("scope"), max_length=1024, blank=True)
    # Less was asked for at the sign-in than the user might have had.
    scope_limited = models.BooleanField(_("limited scope"), default=False)
    client_id = models.CharField(_("client"), max_length=255)
    device_name = models.CharField(_("device name"), max_length=100, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=255, blank=True)
    ip = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    amr = models.CharField(_("authentication methods"), max_length=255, blank=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [
            models.Index(fields=["user", "created_at"], name="tokenauth_session_user"),
            models.Index(fields=["idle_expires_at"], name="tokenauth_session_expires"),
        ]

    def __str__(self) -> str:
        return self.device_name or str(self.id)

    @property
    def scopes(self) -> frozenset[str]:
        """The scope as a set of names."""
        return frozenset(self.scope.split())

    @property
    def methods(self) -> tuple[str, ...]:
        """How the user proved who they are (RFC 8176), empty when not known."""
        return tuple(self.amr.split())
