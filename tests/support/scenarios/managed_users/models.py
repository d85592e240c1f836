"""User models with managers of their own, one of them from django-polymorphic."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, UserManager
from django.db import models
from django.db.models.functions import RowNumber, Upper
from polymorphic.managers import PolymorphicManager
from polymorphic.models import PolymorphicModel


class AnnotatingManager(UserManager[Any]):
    def get_queryset(self) -> Any:
        return super().get_queryset().annotate(loud=Upper("email"), notes=models.Count("note"))


class _Permissions(AbstractBaseUser):
    """What Django's admin reads of a user."""

    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"

    class Meta:
        abstract = True

    is_staff = True

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return True

    has_module_perms = has_perm


class AnnotatedUser(_Permissions):
    """A user whose name in the admin needs an annotation."""

    objects: ClassVar[Any] = AnnotatingManager()

    def __str__(self) -> str:
        return str(self.loud)  # type: ignore[attr-defined]


class Note(models.Model):
    author = models.ForeignKey("AnnotatedUser", models.CASCADE)

    def __str__(self) -> str:
        return f"note {self.pk}"


class RankingManager(UserManager[Any]):
    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("mentor").order_by("-email")
        return rows.annotate(
            loud=Upper("mentor__email"), notes=models.Window(RowNumber(), order_by="pk")
        )


class RankedUser(_Permissions):
    """A user whose default manager is not the first one."""

    mentor = models.ForeignKey("self", models.CASCADE, null=True)

    objects: ClassVar[Any] = UserManager()
    ranked: ClassVar[Any] = RankingManager()

    class Meta:
        default_manager_name = "ranked"

    def __str__(self) -> str:
        return f"{self.notes}: {self.email}"  # type: ignore[attr-defined]


class ProxyUser(RankedUser):
    """A user model that is a proxy of another model."""

    class Meta:
        proxy = True
        default_manager_name = "ranked"


class PeopleManager(PolymorphicManager, UserManager[Any]):  # type: ignore[misc]
    pass


class PolymorphicUser(PolymorphicModel, _Permissions):  # type: ignore[misc]
    objects: ClassVar[Any] = PeopleManager()

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.email}"


class Teacher(PolymorphicUser):
    subject = models.CharField(max_length=20)
