"""The user model of the project, and models that delete its users or prevent their deletion."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class AccountManager(BaseUserManager[Any]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Any:
        account = self.model(email=self.normalize_email(email), **fields)
        account.set_password(password)
        account.save(using=self._db)
        return account


class Company(models.Model):
    """An employer; the accounts of its staff are deleted with it."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Account(AbstractBaseUser):
    """A user with an email address and without a username."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    company = models.ForeignKey(Company, models.CASCADE, null=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects: ClassVar[Any] = AccountManager()

    USERNAME_FIELD = EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.email

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_staff

    has_module_perms = has_perm


class Invoice(models.Model):
    """A row that protects its account."""

    account = models.ForeignKey(Account, models.PROTECT)

    def __str__(self) -> str:
        return f"invoice {self.pk}"
