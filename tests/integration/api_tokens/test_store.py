"""The query for an API token: by its own hash or by that of its old token."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Manager

from django_tokenauth.api_tokens import services, store
from django_tokenauth.api_tokens.formats import digest
from django_tokenauth.api_tokens.models import APIToken
from django_tokenauth.sessions.compiled import CompiledGetColumns, django_compiler
from tests.support.api_tokens import issue
from tests.support.compilers import changed_compiler, unknown_compiler

NAMES = ("digest", "previous_digest")


class HidingManager(Manager):
    """A manager that is not plain, and hides the user bob."""

    def get_queryset(self):
        return super().get_queryset().exclude(username="bob")


@pytest.fixture
def rotated(alice):
    """Return the old and the new token of a rotation, beside another token."""
    issue(alice)
    old = issue(alice)
    return old.token, services.rotate(alice, old.api_token.pk).token


def find_with(compiler_of):
    rows = APIToken.objects.using("default")
    return CompiledGetColumns(rows, "user", ["digest"], names=NAMES, compiler_of=compiler_of).get


def far_apart(known):
    """Put another parameter between those of the key."""
    statement, parameters = known["as_sql"]
    known["as_sql"] = (statement, (parameters[0], "x", *parameters[1:]))


@pytest.mark.parametrize(
    "compiler_of",
    [django_compiler, unknown_compiler, changed_compiler(far_apart)],
    ids=["compiled", "unknown", "far_apart"],
)
def test_both_tokens_of_a_rotation_find_the_row(alice, rotated, compiler_of):
    find = find_with(compiler_of)
    assert [find(digest(token)) for token in rotated] == [(alice, digest(rotated[1]))] * 2
    assert find("0" * 64) is None


def test_status_has_the_values_of_the_row(alice, rotated, django_assert_num_queries):
    row = APIToken.objects.get(last_four=rotated[1][-4:])
    with django_assert_num_queries(2):
        for token in rotated:
            status = store.find_status(digest(token))
            names = status._fields[1:]
            assert [*status[1:]] == [getattr(row, name) for name in names]
            assert status.user == alice


def test_manager_of_the_user_model_chooses_the_users(
    alice, bob, rotated, monkeypatch, django_assert_num_queries
):
    hidden = issue(bob).token
    manager = HidingManager()
    manager.model = get_user_model()
    monkeypatch.setattr(get_user_model()._meta, "default_manager", manager)
    with django_assert_num_queries(3):
        found = [store.find_status(digest(token)) for token in rotated]
        assert store.find_status(digest(hidden)) is None
    assert [(status.user, status.digest) for status in found] == [(alice, digest(rotated[1]))] * 2
