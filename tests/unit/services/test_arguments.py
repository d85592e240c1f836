"""Arguments of the services, in each permitted form."""

from __future__ import annotations

import uuid

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from django_tokenauth.services.arguments import as_strings, as_uuid, django_request

ID = uuid.UUID("0198f3b2-6c80-7f5e-9a5e-0123456789ab")


class TestDjangoRequest:
    def test_django_request_returns_a_django_request_unchanged(self):
        request = RequestFactory().get("/")
        assert django_request(request) is request

    def test_django_request_unwraps_a_rest_framework_request(self):
        request = RequestFactory().get("/")
        assert django_request(Request(request)) is request

    def test_django_request_returns_none_for_none(self):
        assert django_request(None) is None


class TestAsUuid:
    @pytest.mark.parametrize("value", [ID, str(ID), str(ID).upper(), ID.hex], ids=repr)
    def test_as_uuid_converts_uuids_and_their_string_forms(self, value):
        assert as_uuid(value) == ID

    @pytest.mark.parametrize("value", [None, "", "1", "nonsense", "\x00", f"{ID}0"], ids=repr)
    def test_as_uuid_returns_none_for_a_malformed_id(self, value):
        assert as_uuid(value) is None


class TestAsStrings:
    @pytest.mark.parametrize(
        "value",
        [["a", "b"], ("a", "b"), {"a": 1, "b": 2}.keys(), iter("ab")],
        ids=lambda value: type(value).__name__,
    )
    def test_as_strings_converts_a_collection_to_a_tuple(self, value):
        assert as_strings("scope", value) == ("a", "b")

    @pytest.mark.parametrize("value", ["", "a", "a b"])
    def test_as_strings_rejects_a_single_string_with_a_hint(self, value):
        with pytest.raises(TypeError) as caught:
            as_strings("scope", value)
        assert str(caught.value) == (
            "scope must be a collection of strings, not one string. Pass [scope], or "
            "scope.split() if it contains several, separated by spaces."
        )

    @pytest.mark.parametrize(
        ("value", "kind"), [(None, "NoneType"), (1, "int"), (b"a", "bytes"), ({"a": 1}, "dict")]
    )
    def test_as_strings_rejects_a_value_that_is_not_a_collection(self, value, kind):
        with pytest.raises(
            TypeError, match=f"^scope must be a collection of strings, not {kind}.$"
        ):
            as_strings("scope", value)

    @pytest.mark.parametrize(
        ("value", "kind"), [([b"a"], "bytes"), ([None], "NoneType"), (["a", 1], "int")], ids=repr
    )
    def test_as_strings_rejects_an_item_that_is_not_a_string(self, value, kind):
        with pytest.raises(TypeError, match=f"^scope must contain only strings, not {kind}.$"):
            as_strings("scope", value)
