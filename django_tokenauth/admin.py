"""The admin pages of sessions, which list and revoke them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth import get_permission_codename, get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ._devices import device_of
from .conf.settings import load
from .models import RevokedReason, Session
from .services.auditing import MAX_IDS, audit
from .services.signing_out import revoke_and_signal
from .sessions import store
from .sessions.clock import utc_now
from .sessions.log_ids import log_id
from .sessions.managers import is_plain
from .sessions.users import get_key

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


class UserFilter(admin.SimpleListFilter):
    """A list filter for the sessions of one user, which is shown only when it applies."""

    title = _("user")
    parameter_name = "user"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        key = self.value()
        if not key:
            return []
        try:
            user = get_user_model()._default_manager.filter(pk=key).first()
        except (ValueError, ValidationError):
            user = None
        return [(key, str(user or key))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        try:
            # With user=..., a key that is too large for the column would be a database error.
            return queryset.filter(user__pk=self.value())
        except (ValueError, ValidationError) as error:
            raise IncorrectLookupParameters from error


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


def _field(name: str) -> Any:
    return Session._meta.get_field(name)


def _time(name: str) -> Any:
    """Return an admin column that displays the field *name* in the current time zone.

    Without ``USE_TZ``, Django converts no time and would display session times in UTC.
    """
    field = _field(name)

    @admin.display(description=field.verbose_name, ordering=name)
    def show(self: Any, session: Session) -> str:
        moment: datetime | None = getattr(session, name)
        # On the page of one session, Django would display None as the string "None".
        return str(self.get_empty_value_display()) if moment is None else _local(moment)

    return show


# The arguments of ModelAdmin.render_change_form(), in its order.
_FORM_ARGUMENTS = ("request", "context", "add", "change", "form_url", "obj")

# The columns that a service sets, and that a form must not change.
_READ_ONLY = ("audiences", "access_lifetime", "idle_lifetime", "data")


def _local(moment: datetime) -> str:
    return str(formats.localize(timezone.localtime(moment)))


def _with_details(text: str, *details: str) -> str:
    """Return *text* for a cell of the list, with *details* in smaller lines below."""
    for detail in details:
        text = format_html('{} <span class="django-tokenauth-detail">{}</span>', text, detail)
    return text


def _device(user_agent: str) -> str:
    """Return the derived name of the device, or the shortened *user_agent*, with its full text."""
    if not user_agent:
        return ""
    name = device_of(user_agent) or Truncator(user_agent).chars(60)
    return format_html('<span title="{}">{}</span>', user_agent, name)


def _can_be_revoked(session: Session) -> bool:
    return session.revoked_at is None and session.idle_expires_at > utc_now()


@admin.register(Session)
class SessionAdmin(_ModelAdmin):
    """The admin of sessions, which can revoke sessions, but not add, change or delete them.
    Creating a session in the admin would bypass authentication."""

    actions = ("revoke_sessions",)
    list_display = ("who", "device", "client_id", "is_active", "sign_in", "last_refresh")
    list_display_links = ("device",)
    list_filter = (UserFilter, StatusFilter, "revoked_reason", ClientFilter, "created_at")
    # On a filtered page, Django would also count all sessions, and read the whole table.
    show_full_result_count = False
    # If a subclass permits changes, a select box would list all users and be too long for the page.
    raw_id_fields = ("user", "actor")
    # With False, Django joins the users itself, and does not use the default manager.
    list_select_related = ()
    search_fields = (
        *("=id", "device_name", "client_id", "=ip", "=last_ip", "user_agent", "last_user_agent"),
    )
    fields = (
        "id",
        *("user", "actor", "device_name", "client_id", "client_authenticated", "user_agent", "ip"),
        *("last_user_agent", "last_ip", "scope", "scope_limited", "amr"),
        *("generation", "retried", "created", "refreshed", "idle_expiry", "absolute_expiry"),
        *("stepped_up", "revoked", "revoked_reason"),
        *_READ_ONLY,
    )
    readonly_fields = (
        *("id", "created", "refreshed", "stepped_up", "idle_expiry", "absolute_expiry", "revoked"),
        *_READ_ONLY,
    )
    created, refreshed = _time("created_at"), _time("refreshed_at")
    idle_expiry, absolute_expiry = _time("idle_expires_at"), _time("absolute_expires_at")
    revoked, stepped_up = _time("revoked_at"), _time("authenticated_at")

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
        user_model = _field("user").related_model
        return (*self.search_fields, f"user__{user_model.USERNAME_FIELD}")

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns, with links to sign out for users with the permission to revoke."""
        columns = super().get_list_display(request)
        if not self.has_revoke_permission(request):
            return columns

        @admin.display(description=_("sign out"))
        def sign_out(session: Session) -> str:
            if not _can_be_revoked(session):
                return ""
            return format_html(
                '<a href="{}">{}</a>', self._sign_out_url(request, session), _("Sign out")
            )

        return (*columns, sign_out)

    @admin.display(description=_("user"), ordering="user")
    def who(self, session: Session) -> str:
        """Return the user, and the member of the staff who acts as the user."""
        user = str(self.get_empty_value_display() if session.user is None else session.user)
        actor = [] if session.actor is None else [f"{_('actor')}: {session.actor}"]
        return _with_details(user, *actor)

    @admin.display(description=_("device"), ordering="device_name")
    def device(self, session: Session) -> str:
        device = _device(session.user_agent)
        if not session.device_name:
            return device or str(session)
        return _with_details(session.device_name, *filter(None, [device]))

    @admin.display(description=_("active"), boolean=True)
    def is_active(self, session: Session) -> bool:
        if load().is_revoked_by_not_before(session.created_at.timestamp()):
            return False
        return _can_be_revoked(session)

    @admin.display(description=_("signed in at"), ordering="created_at")
    def sign_in(self, session: Session) -> str:
        return _with_details(_local(session.created_at), *filter(None, [session.ip]))

    @admin.display(description=_("last refreshed at"), ordering="refreshed_at")
    def last_refresh(self, session: Session) -> str:
        """Return the time and the IP address, and the device if it has changed."""
        details = [session.last_ip]
        if session.last_user_agent != session.user_agent:
            details.append(_device(session.last_user_agent))
        return _with_details(_local(session.refreshed_at), *filter(None, details))

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

    def get_urls(self) -> list[URLPattern]:
        # All admins of the site are registered when the site collects its URLs.
        for model, user_admin in self.admin_site._registry.items():
            if issubclass(model, get_user_model()):
                self._link_from(user_admin)
        view = self.admin_site.admin_view(self.sign_out_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_sign_out"
        return [path("<path:object_id>/sign-out/", view, name=name), *super().get_urls()]

    def _url(self, name: str, *arguments: str) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}"
        return reverse(name, args=arguments, current_app=self.admin_site.name)

    def _with_filters(self, request: HttpRequest, url: str) -> str:
        """Return *url* with the filters of the list from which the user came."""
        filters: dict[str, Any] = {
            "preserved_filters": self.get_preserved_filters(request),
            "opts": self.opts,
        }
        return add_preserved_filters(filters, url)

    def _sign_out_url(self, request: HttpRequest, session: Session) -> str:
        return self._with_filters(request, self._url("sign_out", quote(session.pk)))

    def sign_out_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation (GET), and revoke one session (POST)."""
        session = self.get_object(request, unquote(object_id))
        if not (self.has_view_permission(request, session) and self.has_revoke_permission(request)):
            raise PermissionDenied
        if session is None:
            raise Http404
        changelist_url = self._with_filters(request, self._url("changelist"))
        if request.method == "POST":
            self.revoke_sessions(request, self.get_queryset(request).filter(pk=session.pk))
            return HttpResponseRedirect(changelist_url)
        request.current_app = self.admin_site.name
        names = ("user", "actor", "device_name", "user_agent", "client_id", "ip", "last_ip")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Sign out the session"),
            "opts": self.opts,
            "media": self.media,
            "session": session,
            "can_be_revoked": _can_be_revoked(session),
            "details": [
                (_field(name).verbose_name, value)
                for name in names
                if (value := getattr(session, name))
            ],
            "changelist_url": changelist_url,
        }
        template = "admin/django_tokenauth/session/sign_out_confirmation.html"
        return TemplateResponse(request, template, context)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Session | None = None,
    ) -> HttpResponse:
        if obj and self.has_revoke_permission(request) and _can_be_revoked(obj):
            context["tokenauth_sign_out_url"] = self._sign_out_url(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _link_from(self, user_admin: admin.ModelAdmin[Any]) -> None:
        """Link the pages of users in *user_admin* to the sessions of the user.

        The page extends the template of the project, which may be in any folder.
        """
        render: Any = user_admin.render_change_form
        if getattr(render, "links_sessions", False):
            return

        def render_change_form(*args: Any, **options: Any) -> HttpResponse:
            response: HttpResponse = render(*args, **options)
            given = {**dict(zip(_FORM_ARGUMENTS, args, strict=False)), **options}
            request, obj = given["request"], given.get("obj")
            if obj and self.has_view_permission(request) and isinstance(response, TemplateResponse):
                parent = response.resolve_template(response.template_name)
                sessions_url = f"{self._url('changelist')}?{urlencode({'user': get_key(obj)})}"
                response.template_name = "admin/django_tokenauth/user_change_form.html"
                response.context_data = {
                    **(response.context_data or {}),
                    "tokenauth_change_form": parent,
                    "tokenauth_sessions": self.opts.verbose_name_plural,
                    "tokenauth_sessions_url": sessions_url,
                }
            return response

        render_change_form.links_sessions = True  # type: ignore[attr-defined]
        user_admin.render_change_form = render_change_form  # type: ignore[method-assign]

    class Media:
        css = {"all": ["django_tokenauth/admin.css"]}

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        permission = get_permission_codename("revoke", self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{permission}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        return False
