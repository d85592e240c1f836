"""The admin pages of API tokens, which list and revoke them and never show a token."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_permission_codename, get_user_model
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..admin import UserFilter
from ..conf.settings import load
from ..services.auditing import MAX_IDS, audit
from ..sessions.clock import utc_now
from ..sessions.users import has_auth_hash
from . import store
from .models import APIToken

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[APIToken]
else:
    _ModelAdmin = admin.ModelAdmin


def _time(name: str) -> Any:
    """Return an admin column that displays the field *name* in the current time zone."""
    field: Any = APIToken._meta.get_field(name)

    @admin.display(description=field.verbose_name, ordering=name)
    def show(self: Any, token: APIToken) -> str:
        moment: datetime | None = getattr(token, name)
        if moment is None:
            return str(self.get_empty_value_display())
        return str(formats.localize(timezone.localtime(moment)))

    return show


class StatusFilter(admin.SimpleListFilter):
    """A list filter for active API tokens, and for expired or revoked ones."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("active")), ("inactive", _("expired or revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        active: dict[str, Any] = {"revoked_at__isnull": True, "expires_at__gt": utc_now()}
        if (not_before := load().not_before) is not None:
            active["created_at__gte"] = not_before
        if self.value() == "active":
            return queryset.filter(**active)
        return queryset.exclude(**active) if self.value() == "inactive" else queryset


@admin.register(APIToken)
class APITokenAdmin(_ModelAdmin):
    """The admin of API tokens. It can revoke API tokens, but not add or change them: the staff
    would know a token that the staff creates."""

    actions = ("revoke_api_tokens",)
    list_display = ("name", "user", "shown", "scope", "last_used", "expires", "is_active")
    list_filter = (UserFilter, StatusFilter, "created_at")
    show_full_result_count = False
    search_fields = ("=id", "name", "=last_four")
    fields = (
        *("id", "user", "name", "shown", "scope", "resource"),
        *("issuer", "audience", "ends_with_password"),
        *("created", "rotated", "previous_expiry", "last_used", "expires", "revoked"),
    )
    created, rotated, revoked = _time("created_at"), _time("rotated_at"), _time("revoked_at")
    last_used, expires = _time("last_used_at"), _time("expires_at")
    previous_expiry = _time("previous_expires_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[APIToken]:
        """Return the API tokens with their users, as the default manager of the user model returns
        them."""
        rows: QuerySet[APIToken] = super().get_queryset(request)
        return rows.prefetch_related(
            Prefetch("user", get_user_model()._default_manager.using(rows.db))
        )

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.search_fields, f"user__{get_user_model().USERNAME_FIELD}")

    @admin.display(description=_("token"), ordering="last_four")
    def shown(self, token: APIToken) -> str:
        return f"…{token.last_four}"

    @admin.display(description=_("active"), boolean=True)
    def is_active(self, token: APIToken) -> bool:
        if load().is_revoked_by_not_before(token.created_at.timestamp()):
            return False
        if token.auth_hash and not has_auth_hash(token.user, token.auth_hash):
            return False
        return token.revoked_at is None and token.expires_at > utc_now()

    @admin.display(description=_("ends with the password"), boolean=True)
    def ends_with_password(self, token: APIToken) -> bool:
        return token.ends_with_password

    @admin.action(description=_("Revoke the selected API tokens"), permissions=["revoke"])
    def revoke_api_tokens(self, request: HttpRequest, queryset: QuerySet[APIToken]) -> None:
        actor: Any = request.user
        now = utc_now()
        named = list(store.active(queryset, now=now)[:MAX_IDS])
        count = store.revoke(queryset.filter(expires_at__gt=now).order_by(), now=now)
        audit(
            "api_tokens.revoke",
            actor=actor,
            count=count,
            ids=(str(token.pk) for token in named),
            request=request,
        )
        message = ngettext("Revoked %(count)d API token.", "Revoked %(count)d API tokens.", count)
        message %= {"count": count}
        LogEntry.objects.log_actions(actor.pk, named, CHANGE, message)
        self.message_user(request, message, messages.SUCCESS)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        permission = get_permission_codename("revoke", self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{permission}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: APIToken | None = None) -> bool:
        return False
