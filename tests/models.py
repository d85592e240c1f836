"""Models of the test project."""

from __future__ import annotations

from django.contrib.auth.models import User


class Person(User):
    """A proxy of the user model, as projects define it to add methods."""

    class Meta:
        proxy = True
