"""Arguments of the services, in each permitted form."""

from __future__ import annotations

import uuid

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from django_tokenauth.services.arguments import as_uuid, django_request

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
