from __future__ import annotations

from django.db.models import QuerySet
from django_tokenauth.permissions import HasScope
from rest_framework import mixins, viewsets
from rest_framework.serializers import BaseSerializer

from notes.models import Note
from notes.serializers import NoteSerializer


class Notes(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Note],
):
    """The notes of the user. Notes of other users are not found."""

    serializer_class = NoteSerializer
    permission_classes = [HasScope]
    required_scopes = {
        "GET": ["notes:read"],
        "POST": ["notes:write"],
        "DELETE": ["notes:write"],
    }

    def get_queryset(self) -> QuerySet[Note]:
        return Note.objects.filter(owner_id=self.request.user.pk)

    def perform_create(self, serializer: BaseSerializer[Note]) -> None:
        serializer.save(owner=self.request.user)
