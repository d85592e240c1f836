"""The table of API tokens, which contains their hashes and never the tokens."""

from __future__ import annotations

import uuid

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.utils.translation import gettext_lazy as _

from .._limits import MAX_API_TOKEN_NAME
from .._scope import MAX_SCOPE_LENGTH
from ..models import UTCDateTimeField
from .formats import SHOWN

__all__ = ["APIToken"]

if not apps.is_installed("django_tokenauth.api_tokens"):
    # Django would add the model to the app django_tokenauth, which has no table for it.
    raise ImproperlyConfigured('Add "django_tokenauth.api_tokens" to INSTALLED_APPS, and migrate.')

_HASH = 64
# The maximum length of the settings ISSUER and AUDIENCE.
_PARTY = 255


class APIToken(models.Model):
    """An API token of a user. The token itself cannot be computed from the row.

    After a rotation, ``previous_digest`` is the hash of the old token, which works until
    ``previous_expires_at``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="tokenauth_api_tokens",
        verbose_name=_("user"),
    )
    name = models.CharField(_("name"), max_length=MAX_API_TOKEN_NAME)
    scope = models.CharField(_("scope"), max_length=MAX_SCOPE_LENGTH, blank=True)
    # Set only if ISSUER or AUDIENCE is a function of the request: those of the tenant.
    issuer = models.CharField(_("issuer"), max_length=_PARTY, blank=True, default="")
    audience = models.CharField(_("audience"), max_length=_PARTY, blank=True, default="")
    # The audience if it differs from AUDIENCE: a name in AUDIENCES.
    resource = models.CharField(_("other service"), max_length=_PARTY, blank=True, default="")
    digest = models.CharField(max_length=_HASH, editable=False)
    last_four = models.CharField(_("last characters"), max_length=SHOWN)
    # Null, because an empty string would have to be unique.
    previous_digest = models.CharField(max_length=_HASH, null=True, editable=False)  # noqa: DJ001
    previous_expires_at = UTCDateTimeField(_("end of the old token"), null=True, blank=True)
    created_at = UTCDateTimeField(_("created at"))
    rotated_at = UTCDateTimeField(_("last rotated at"), null=True, blank=True)
    expires_at = UTCDateTimeField(_("expires at"))
    last_used_at = UTCDateTimeField(_("last used at"), null=True, blank=True)
    revoked_at = UTCDateTimeField(_("revoked at"), null=True, blank=True)
    # The auth hash of the user at the creation if a new password ends the token, or else empty.
    auth_hash = models.CharField(max_length=128, blank=True, default="", editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        permissions = [("revoke_apitoken", "Can revoke API token")]
        # A unique field would have a second index for LIKE on PostgreSQL.
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="tokenauth_api_digest"),
            models.UniqueConstraint(fields=["previous_digest"], name="tokenauth_api_previous"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def scopes(self) -> frozenset[str]:
        """The scope names in ``scope``."""
        return frozenset(self.scope.split())

    @property
    def ends_with_password(self) -> bool:
        """Whether a new password of the user ends the token."""
        return self.auth_hash != ""
