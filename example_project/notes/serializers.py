from __future__ import annotations

from typing import Any

from rest_framework import serializers

from notes.models import Note


class NoteSerializer(serializers.ModelSerializer[Note]):
    class Meta:
        model = Note
        fields = ["id", "text", "created_at"]


class StatisticsSerializer(serializers.Serializer[Any]):
    users = serializers.IntegerField()
    notes = serializers.IntegerField()
