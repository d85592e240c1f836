"""User models as projects have them."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class People(BaseUserManager[Any]):
    def create_user(self, name: str, password: str) -> Any:
        user = self.model(**{self.model.USERNAME_FIELD: name})
        user.set_password(password)
        user.save(using=self._db)
        return user


class PeopleWhoAreThere(People):
    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(deleted=False)


class _User(AbstractBaseUser):
    is_active = models.BooleanField(default=True)

    objects: ClassVar[Any] = People()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.get_username()


class EmailUser(_User):
    """Signs in with an address."""

    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"


class UUIDUser(_User):
    """Has a UUID as its key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    username = models.CharField(max_length=50, unique=True)

    USERNAME_FIELD = "username"


class TextUser(_User):
    """Has its name as its key."""

    username = models.CharField(max_length=50, primary_key=True)

    USERNAME_FIELD = "username"


class PublicIdUser(_User):
    """Keeps its key to itself: tokens name it by another field."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4)
    username = models.CharField(max_length=50, unique=True)

    USERNAME_FIELD = "username"


class HiddenUser(_User):
    """Is never deleted, but hidden from everybody who asks the default manager."""

    username = models.CharField(max_length=50, unique=True)
    deleted = models.BooleanField(default=False)

    objects: ClassVar[Any] = PeopleWhoAreThere()

    USERNAME_FIELD = "username"
