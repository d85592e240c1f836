"""Which managers return every object as it is stored, so that the fast statement may be used."""

from __future__ import annotations

from copy import copy

import pytest
from django.contrib.auth.models import UserManager
from django.db.models import Manager, QuerySet
from django.db.models.manager import BaseManager

from django_tokenauth.sessions.managers import _are_plain, is_plain


class OwnMethods(QuerySet):
    """A query set with a method of its own, and own ways to write."""

    def active(self):
        return self.filter(is_active=True)

    def delete(self):
        return self.update(is_active=False)


class OtherRows(QuerySet):
    def _fetch_all(self):
        super()._fetch_all()


class OtherInit(QuerySet):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._iterable_class = list


class OwnCreate(UserManager):
    def create_guest(self):
        return self.create_user("guest")


class OtherQuerySet(UserManager):
    def get_queryset(self):
        return super().get_queryset().filter(is_active=True)


class OtherGet(UserManager):
    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)


class BelowOther(OtherQuerySet):
    pass


@pytest.mark.parametrize(
    "manager",
    [Manager(), UserManager(), OwnCreate(), Manager.from_queryset(OwnMethods)()],
    ids=lambda manager: type(manager).__name__,
)
def test_manager_with_methods_of_its_own_is_plain(manager):
    assert is_plain(manager)
    # Python adds __slotnames__ to the class of an object that is copied.
    copy(manager)
    _are_plain.cache_clear()
    assert is_plain(manager)


@pytest.mark.parametrize(
    "manager",
    [
        *(OtherQuerySet(), OtherGet(), BelowOther(), BaseManager.from_queryset(OwnMethods)()),
        *(Manager.from_queryset(OtherRows)(), UserManager.from_queryset(OtherInit)()),
    ],
    ids=lambda manager: type(manager).__name__,
)
def test_manager_that_changes_what_is_read_is_not_plain(manager):
    assert not is_plain(manager)
