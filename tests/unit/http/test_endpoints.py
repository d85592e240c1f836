"""Bodies are read by what all requests share, and none of them sees the other's."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import RequestFactory
from django.utils.translation import override
from rest_framework.exceptions import ValidationError

from django_tokenauth.http.endpoints import TokenEndpoint, validated_data
from django_tokenauth.serializers import RefreshSerializer
from tests.support.client import FORM, JSON, malformed, outcome, post

LEFT_OUT = {"client_id": "", "client_secret": "", "scope": None}
TOO_LONG = "x" * 256


def request(body, content_type=JSON):
    text = json.dumps(body) if content_type == JSON else body
    made = RequestFactory().post("/", text, content_type=content_type)
    return TokenEndpoint().initialize_request(made)


def read(body, content_type=JSON):
    return validated_data(RefreshSerializer, request(body, content_type))


class TestValid:
    def test_it_says_what_the_body_says(self):
        body = {"refresh_token": "a", "client_id": "phone", "scope": "x y", "more": 1}
        named = {"refresh_token": "a", "client_id": "phone", "scope": frozenset("xy")}
        assert read(body) == LEFT_OUT | named
        assert read("refresh_token=a&client_id=phone&scope=x+y", FORM) == LEFT_OUT | named

    def test_nothing_of_one_body_is_in_that_of_the_next(self):
        first = read({"refresh_token": "a", "client_id": "phone", "scope": "x"})
        second = read({"refresh_token": "b"})
        assert second == LEFT_OUT | {"refresh_token": "b"}
        assert first == LEFT_OUT | {
            "refresh_token": "a",
            "client_id": "phone",
            "scope": frozenset("x"),
        }

    def test_who_takes_things_out_of_what_it_says_takes_them_from_nobody_else(self):
        read({"refresh_token": "a"}).clear()
        assert read({"refresh_token": "a"}) == LEFT_OUT | {"refresh_token": "a"}

    def test_what_was_wrong_with_one_body_is_not_wrong_with_the_next(self):
        for body in ({}, {"refresh_token": 1, "scope": " "}, {"client_id": TOO_LONG}):
            with pytest.raises(ValidationError):
                read(body)
            assert read({"refresh_token": "a"}) == LEFT_OUT | {"refresh_token": "a"}

    def test_each_fault_is_told_by_the_name_of_its_field(self):
        with pytest.raises(ValidationError) as caught:
            read({"client_id": TOO_LONG, "scope": 1})
        detail = caught.value.detail
        found = {name: [error.code for error in errors] for name, errors in detail.items()}
        assert found == {
            "client_id": ["max_length"],
            "refresh_token": ["required"],
            "scope": ["not_text"],
        }

    def test_threads_read_at_the_same_time(self):
        names = [str(number) for number in range(200)]
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda name: read({"refresh_token": name}), names))
        assert [asked["refresh_token"] for asked in found] == names


class TestLanguage:
    def test_it_is_that_of_each_request(self):
        body = {"refresh_token": "a", "client_id": TOO_LONG}
        with override("ko"):
            status, first = outcome(post("token/refresh/", body))
        assert status == 400
        assert first["error_description"] != malformed("client_id")["error_description"]
        assert "client_id" in first["error_description"]
        with override("en"):
            assert outcome(post("token/refresh/", body)) == (400, malformed("client_id"))
