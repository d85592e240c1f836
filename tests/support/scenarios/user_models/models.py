"""User models with other keys, username fields and managers."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class UserManager(BaseUserManager[Any]):
    def create_user(self, name: str, password: str) -> Any:
        user = self.model(**{self.model.USERNAME_FIELD: name})
        user.set_password(password)
        user.save(using=self._db)
        return user


class VisibleUserManager(UserManager):
    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(deleted=False)


class _User(AbstractBaseUser):
    is_active = models.BooleanField(default=True)

    objects: ClassVar[Any] = UserManager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.get_username()


class EmailUser(_User):
    """A user who signs in with an email address."""

    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"


class Customer(EmailUser):
    """A user with a second number, which is the key of another user (multi-table inheritance)."""

    number = models.AutoField(primary_key=True)
    user = models.OneToOneField(EmailUser, models.CASCADE, parent_link=True)
    name = models.CharField(max_length=50, blank=True)


class Member(Customer):
    """A proxy of a child."""

    class Meta:
        proxy = True


class Account(_User):
    """The parent of a user model, with its password and state."""

    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"


class AccountUser(Account):
    """A user model that is itself a child, with a primary key of its own."""

    number = models.AutoField(primary_key=True)
    account = models.OneToOneField(Account, models.CASCADE, parent_link=True)


class UUIDUser(_User):
    """A user with a UUID as primary key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    username = models.CharField(max_length=50, unique=True)

    USERNAME_FIELD = "username"


class TextUser(_User):
    """A user with the username as primary key."""

    username = models.CharField(max_length=50, primary_key=True)

    USERNAME_FIELD = "username"


class PublicIdUser(_User):
    """A user whose tokens contain another field than the primary key."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4)
    username = models.CharField(max_length=50, unique=True)

    USERNAME_FIELD = "username"


class HiddenUser(_User):
    """A user who is hidden by the default manager instead of being deleted."""

    username = models.CharField(max_length=50, unique=True)
    deleted = models.BooleanField(default=False)

    objects: ClassVar[Any] = VisibleUserManager()

    USERNAME_FIELD = "username"


class NumberUser(_User):
    """A user whose username is a number."""

    number = models.IntegerField(unique=True)

    USERNAME_FIELD = "number"
