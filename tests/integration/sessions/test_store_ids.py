"""Session ids are UUIDs of version 7, which sort by time."""

from __future__ import annotations

import uuid

import pytest

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.clock import NOW, after


@pytest.mark.django_db
@pytest.mark.parametrize("stateless", [False, True])
def test_session_ids_sort_by_the_time_of_the_sign_in(alice, settings, stateless):
    settings.TOKENAUTH = {"STATELESS_REFRESH": stateless}
    ids = []
    for hours in range(5):
        token = services.sign_in(alice, now=after(hours=hours)).refresh_token
        ids.append(refresh_tokens(load()).decode(token, now=NOW.timestamp()).session_id)
    assert sorted(ids) == ids
    assert uuid.UUID(ids[0]).int >> 80 == NOW.timestamp() * 1000
