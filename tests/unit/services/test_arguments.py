"""Arguments of the services, in each permitted form."""

from __future__ import annotations

import uuid

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from django_tokenauth.services.arguments import as_strings, as_uuid, django_request

ID = uuid.UUID("0198f3b2-6c80-7f5e-9a5e-0123456789ab")


class TestDjangoRequest:
    def test_django_request_is_returned_unchanged(self):
        request = RequestFactory().get("/")
        assert django_request(request) is request

    def test_rest_framework_request_is_unwrapped(self):
        request = RequestFactory().get("/")
        assert django_request(Request(request)) is request

    def test_missing_request_stays_none(self):
        assert django_request(None) is None


class TestAsUuid:
    @pytest.mark.parametrize("value", [ID, str(ID), str(ID).upper(), ID.hex], ids=repr)
    def test_id_in_any_form_becomes_a_uuid(self, value):
        assert as_uuid(value) == ID

    @pytest.mark.parametrize("value", [None, "", "1", "nonsense", "\x00", f"{ID}0"], ids=repr)
    def test_malformed_id_becomes_none(self, value):
        assert as_uuid(value) is None


class TestAsStrings:
    @pytest.mark.parametrize(
        "value",
        [["a", "b"], ("a", "b"), {"a": 1, "b": 2}.keys(), iter("ab")],
        ids=lambda value: type(value).__name__,
    )
    def test_collection_of_strings_becomes_a_tuple(self, value):
        assert as_strings("scope", value) == ("a", "b")

    @pytest.mark.parametrize("value", ["", "a", "a b"])
    def test_single_string_is_rejected_with_the_remedy(self, value):
        with pytest.raises(TypeError) as caught:
            as_strings("scope", value)
        assert str(caught.value) == (
            "scope must be a collection of strings, not one string. Pass [scope], or "
            "scope.split() if it contains several, separated by spaces."
        )

    @pytest.mark.parametrize(
        ("value", "kind"), [(None, "NoneType"), (1, "int"), (b"a", "bytes"), ({"a": 1}, "dict")]
    )
    def test_value_that_is_no_collection_is_rejected_with_its_type(self, value, kind):
        with pytest.raises(
            TypeError, match=f"^scope must be a collection of strings, not {kind}.$"
        ):
            as_strings("scope", value)

    @pytest.mark.parametrize(
        ("value", "kind"), [([b"a"], "bytes"), ([None], "NoneType"), (["a", 1], "int")], ids=repr
    )
    def test_item_that_is_no_string_is_rejected_with_its_type(self, value, kind):
        with pytest.raises(TypeError, match=f"^scope must contain only strings, not {kind}.$"):
            as_strings("scope", value)
