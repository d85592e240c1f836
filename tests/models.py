"""Models of a project that uses the app."""

from __future__ import annotations

from django.contrib.auth.models import User


class Person(User):
    """The user model under another name, as projects write it for methods of their own."""

    class Meta:
        proxy = True
