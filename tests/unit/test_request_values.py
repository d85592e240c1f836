"""Values of one request: copies have none, and the request needs no garbage collector."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import pytest
from django.http import HttpRequest

from django_tokenauth._request_values import get_value, set_value


@pytest.fixture
def request_with_value():
    request = HttpRequest()
    set_value(request, "_value", "of the request")
    return request


def test_value_belongs_to_its_request(request_with_value):
    assert get_value(request_with_value, "_value") == "of the request"
    assert get_value(HttpRequest(), "_value") is None


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda request: pickle.loads(pickle.dumps(request))],  # noqa: S301
    ids=["copy", "deepcopy", "pickle"],
)
def test_copy_of_a_request_has_no_value(request_with_value, copied):
    assert get_value(copied(request_with_value), "_value") is None
    assert get_value(request_with_value, "_value") == "of the request"


def test_request_with_a_value_is_freed_at_once():
    request = HttpRequest()
    set_value(request, "_value", "of the request")
    freed = weakref.ref(request)
    gc.disable()
    try:
        del request
        assert freed() is None
    finally:
        gc.enable()
