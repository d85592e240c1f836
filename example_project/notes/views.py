from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django_tokenauth.permissions import HasScope
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from notes.models import Note
from notes.serializers import NoteSerializer, StatisticsSerializer


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


class Statistics(APIView):
    """The numbers of users and notes. The service account of the demo reads them."""

    permission_classes = [HasScope]
    required_scopes = ["statistics:read"]

    @extend_schema(responses=StatisticsSerializer)
    def get(self, request: Request) -> Response:
        return Response({"users": User.objects.count(), "notes": Note.objects.count()})
