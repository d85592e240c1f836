from __future__ import annotations

from django.contrib import admin

from notes.models import Note


@admin.register(Note)
class NoteAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    list_display = ["text", "owner", "created_at"]
    list_select_related = ["owner"]
    # A list of all users would not fit on a page.
    raw_id_fields = ["owner"]
