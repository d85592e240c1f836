"""The admin page of sessions, which lists and revokes them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .conf.settings import load
from .models import RevokedReason, Session
from .services.auditing import MAX_IDS, audit
from .services.signing_out import revoke_and_signal
from .sessions import store
from .sessions.clock import utc_now
from .sessions.log_ids import log_id
from .sessions.managers import is_plain

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Session]
else:
    _ModelAdmin = admin.ModelAdmin


def _active(now: datetime) -> dict[str, Any]:
    """Return the conditions of an active session."""
    active = {"revoked_at__isnull": True, "idle_expires_at__gt": now}
    not_before = load().not_before
    return active if not_before is None else {**active, "created_at__gte": not_before}


class StatusFilter(admin.SimpleListFilter):
    """A list filter for active sessions, and for expired or revoked sessions."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("active")), ("inactive", _("expired or revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = utc_now()
        if self.value() == "active":
            return queryset.filter(**_active(now))
        if self.value() == "inactive":
            return queryset.exclude(**_active(now))
        return queryset


class ClientFilter(admin.SimpleListFilter):
    """A list filter by client, with the most frequent clients of the newest sessions.

    A list of all clients would read the whole table. The search box and the query parameter
    ``client_id`` find the sessions of any client.
    """

    title = _("client")
    parameter_name = "client_id"

    #: Number of the newest sessions that the filter reads, and of the clients that it lists.
    SESSIONS, CLIENTS = 1000, 20

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        newest = Session.objects.order_by("-pk").values_list("client_id", flat=True)
        frequent = Counter(newest[: self.SESSIONS]).most_common(self.CLIENTS)
        names = dict.fromkeys(name for name, _ in frequent)
        # List the selected client too, so that the page shows which filter applies.
        if self.value():
            names.setdefault(str(self.value()))
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(client_id=self.value()) if self.value() else queryset


def _time(name: str) -> Any:
    """Return an admin column that displays the field *name* in the current time zone.

    Without ``USE_TZ``, Django converts no time and would display session times in UTC.
    """

    field: Any = Session._meta.get_field(name)

    @admin.display(description=field.verbose_name, ordering=name)
    def show(self: Any, session: Session) -> str:
        moment: datetime | None = getattr(session, name)
        if moment is None:
            # On the page of one session, Django would display None as the string "None".
            return str(self.get_empty_value_display())
        return str(formats.localize(timezone.localtime(moment)))

    return show


# The columns that a service sets, and that a form must not change.
_READ_ONLY = ("access_lifetime", "idle_lifetime", "data")


@admin.register(Session)
class SessionAdmin(_ModelAdmin):
    """The admin of sessions, which can revoke sessions, but not add, change or delete them.
    Creating a session in the admin would bypass authentication."""

    actions = ("revoke_sessions",)
    list_display = (
        "user",
        "device",
        "client_id",
        # Columns after is_active may be outside a narrow browser window.
        "is_active",
        "ip",
        "created",
        "last_ip",
        "refreshed",
        "idle_expiry",
        "actor",
    )
    list_display_links = ("device",)
    list_filter = (StatusFilter, "revoked_reason", ClientFilter, "created_at")
    # On a filtered page, Django would also count all sessions, and read the whole table.
    show_full_result_count = False
    # If a subclass permits changes, a select box would list all users and be too long for the page.
    raw_id_fields = ("user", "actor")
    # With False, Django joins the users itself, and does not use the default manager.
    list_select_related = ()
    search_fields = (
        "=id",
        "device_name",
        "client_id",
        "=ip",
        "=last_ip",
        "user_agent",
        "last_user_agent",
    )
    fields = (
        "id",
        *("user", "actor", "device_name", "client_id", "client_authenticated", "user_agent", "ip"),
        *("last_user_agent", "last_ip", "scope", "scope_limited", "amr"),
        *(
            "generation",
            "retried",
            "created",
            "refreshed",
            "idle_expiry",
            "absolute_expiry",
        ),
        *("revoked", "revoked_reason"),
        *_READ_ONLY,
    )
    readonly_fields = (
        *("id", "created", "refreshed", "idle_expiry", "absolute_expiry", "revoked"),
        *_READ_ONLY,
    )
    created, refreshed = _time("created_at"), _time("refreshed_at")
    idle_expiry, absolute_expiry = _time("idle_expires_at"), _time("absolute_expires_at")
    revoked = _time("revoked_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """Return the sessions with their users, as the default manager of the user model returns
        them."""
        rows: QuerySet[Session] = super().get_queryset(request)
        manager = get_user_model()._default_manager
        if is_plain(manager):
            return rows.select_related("user", "actor")
        users = manager.using(rows.db)
        return rows.prefetch_related(Prefetch("user", users), Prefetch("actor", users))

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        user_model: Any = Session._meta.get_field("user").related_model
        return (*self.search_fields, f"user__{user_model.USERNAME_FIELD}")

    @admin.display(description=_("device"))
    def device(self, session: Session) -> str:
        return str(session)

    @admin.display(description=_("active"), boolean=True)
    def is_active(self, session: Session) -> bool:
        if load().is_revoked_by_not_before(session.created_at.timestamp()):
            return False
        return session.revoked_at is None and session.idle_expires_at > utc_now()

    @admin.action(description=_("Sign out the selected sessions"), permissions=["revoke"])
    def revoke_sessions(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        actor: Any = request.user
        active = queryset.filter(revoked_at__isnull=True, idle_expires_at__gt=utc_now())
        count, named = 0, list[Session]()
        try:
            for batch in store.batches(active, with_users=True):
                count += revoke_and_signal(
                    [batch], RevokedReason.ADMIN, request=request, clock=utc_now
                )
                # The audit record and the admin history name at most MAX_IDS sessions.
                named += batch[: MAX_IDS - len(named)]
        finally:
            # On a database error, audit the batches that were revoked before the error.
            audit(
                "sessions.revoke",
                actor=actor,
                count=count,
                ids=(log_id(session.pk) for session in named),
                request=request,
            )
        message = ngettext("Signed out %(count)d session.", "Signed out %(count)d sessions.", count)
        message %= {"count": count}
        LogEntry.objects.log_actions(actor.pk, named, CHANGE, message)
        self.message_user(request, message, messages.SUCCESS)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("django_tokenauth.change_session")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False
