"""``ISSUER`` and ``AUDIENCE`` as functions of the request."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from rest_framework.request import Request

from django_tokenauth.conf import per_request
from django_tokenauth.conf import settings as conf
from django_tokenauth.conf.clients import Client
from django_tokenauth.conf.per_request import MAX_RESULTS, load_for
from tests.support.raw_tokens import SECRET_KEY

PATH = f"{__name__}.issuer_of_host"
EXPECTED = "a string of 1 to 255 printable characters"


def issuer_of_host(request):
    """Return the URL of the requested host."""
    return f"https://{request.get_host()}"


def request_to(host="a.example.com"):
    return RequestFactory(headers={"host": host}).get("/")


@pytest.fixture(autouse=True)
def _all_hosts(settings):
    settings.ALLOWED_HOSTS = ["*"]


class Counted:
    """A function that returns the names of hosts and counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, request):
        self.calls += 1
        return request.get_host()


class TestParser:
    @pytest.mark.parametrize("value", [issuer_of_host, PATH], ids=["function", "dotted path"])
    def test_issuer_is_the_result_of_the_function(self, settings, value):
        settings.TOKENAUTH = {"ISSUER": value}
        resolved = load_for(request_to())
        assert resolved.issuer == resolved.audience == "https://a.example.com"

    @pytest.mark.parametrize(
        "value", ["auth.example.com", "tests.example.com", "https://a.example.com/x.y", "a", "a.b"]
    )
    def test_string_without_module_is_a_constant_issuer(self, value):
        settings, problems = conf.read({"ISSUER": value}, (SECRET_KEY,))
        assert (settings.issuer, settings.by_request, problems) == (value, {}, [])

    @pytest.mark.parametrize("setting", ["ISSUER", "AUDIENCE"])
    def test_missing_function_of_a_module_is_reported(self, setting):
        value = f"{__name__}.issuer_of_hots"
        _, [problem] = conf.read({setting: value}, (SECRET_KEY,))
        assert problem.check_id == "E008"
        assert f"got '{value}', expected a function" in problem.message
        assert problem.hint.endswith("Did you mean 'issuer_of_host'?")

    @pytest.mark.parametrize("value", [5, b"issuer", ["a"], None])
    def test_issuer_of_another_type_is_reported(self, value):
        _, [problem] = conf.read({"ISSUER": value}, (SECRET_KEY,))
        assert f"expected {EXPECTED}, or a function of the request." in problem.message

    def test_other_settings_are_checked_beside_functions(self):
        settings, [problem] = conf.read(
            {"ISSUER": issuer_of_host, "LEEWAY": 3, "CLIENTS": {"a": None}}, (SECRET_KEY,)
        )
        assert "LEEWAY" in problem.message
        assert settings.clients == {"a": Client()}


class TestSettings:
    def test_settings_before_the_request_have_no_issuer(self, settings):
        settings.TOKENAUTH = {"ISSUER": issuer_of_host}
        for name in ("issuer", "audience"):
            with pytest.raises(conf.UnusableSetting):
                getattr(conf.load(), name)

    def test_resolved_settings_keep_the_other_values(self, settings):
        settings.TOKENAUTH = {"ISSUER": issuer_of_host, "SCOPES": ["a", "b"]}
        resolved = load_for(request_to())
        assert resolved.scopes == ("a", "b")
        assert resolved.shared is resolved.original is conf.load()
        assert type(resolved) is conf.Settings

    def test_constant_settings_are_the_same_for_each_request(self):
        assert load_for(request_to()) is load_for(None) is conf.load() is conf.load().shared

    def test_constant_audience_is_kept_beside_issuer_function(self, settings):
        settings.TOKENAUTH = {"ISSUER": issuer_of_host, "AUDIENCE": "api"}
        resolved = load_for(request_to())
        assert (resolved.issuer, resolved.audience) == ("https://a.example.com", "api")

    def test_constant_issuer_is_kept_beside_audience_function(self, settings):
        settings.TOKENAUTH = {"ISSUER": "auth", "AUDIENCE": PATH}
        resolved = load_for(request_to())
        assert (resolved.issuer, resolved.audience) == ("auth", "https://a.example.com")


class TestCalls:
    def test_function_is_called_once_for_each_request(self, settings):
        issuer, audience = Counted(), Counted()
        settings.TOKENAUTH = {"ISSUER": issuer, "AUDIENCE": audience}
        request = request_to()
        first = load_for(request)
        assert load_for(request) is load_for(Request(request)) is first
        assert (issuer.calls, audience.calls) == (1, 1)
        assert load_for(request_to()) is first
        assert (issuer.calls, audience.calls) == (2, 2)

    @pytest.mark.parametrize("scope", [{"host": "a"}, SimpleNamespace(host="a")])
    def test_function_may_take_an_object_of_another_type(self, settings, scope):
        """A project may pass the scope of a WebSocket, which can have no attributes."""
        hosts = []

        def issuer(given):
            hosts.append(given)
            return "https://a.example.com"

        settings.TOKENAUTH = {"ISSUER": issuer}
        assert load_for(scope).issuer == "https://a.example.com"
        assert hosts == [scope]

    def test_function_is_called_for_a_copied_request(self, settings):
        settings.TOKENAUTH = {"ISSUER": PATH}
        request = request_to()
        assert load_for(request).issuer == "https://a.example.com"
        inner = copy.copy(request)
        inner.META = {**request.META, "HTTP_HOST": "b.example.com"}
        assert load_for(inner).issuer == "https://b.example.com"
        assert load_for(Request(request)).issuer == "https://a.example.com"

    def test_changed_settings_are_resolved_again_for_a_request(self, settings):
        request = request_to()
        settings.TOKENAUTH = {"ISSUER": issuer_of_host}
        load_for(request)
        settings.TOKENAUTH = {"ISSUER": lambda request: "another"}
        assert load_for(request).issuer == "another"

    def test_hosts_of_clients_do_not_fill_the_memory(self, settings):
        settings.TOKENAUTH = {"ISSUER": issuer_of_host}
        for number in range(MAX_RESULTS + 10):
            load_for(request_to(f"h{number}.example.com"))
        assert per_request._resolved.cache_info().currsize == MAX_RESULTS

    def test_function_without_a_request_gets_none(self, settings):
        settings.TOKENAUTH = {"ISSUER": lambda request: f"for {request}"}
        assert load_for(None).issuer == "for None"

    def test_function_that_needs_a_request_fails_with_a_hint(self, settings):
        settings.TOKENAUTH = {"ISSUER": issuer_of_host}
        with pytest.raises(ImproperlyConfigured, match=r"there is no request\. Pass request= to"):
            load_for(None)

    def test_result_none_without_a_request_fails_with_a_hint(self, settings):
        settings.TOKENAUTH = {"AUDIENCE": lambda request: request and "a"}
        with pytest.raises(ImproperlyConfigured, match=r"AUDIENCE .* not NoneType\. .* Pass"):
            load_for(None)

    @pytest.mark.parametrize(
        ("value", "got"), [("", "another string"), ("a\n", "another string"), (b"a", "bytes")]
    )
    def test_invalid_result_is_an_error_with_its_type(self, settings, value, got):
        settings.TOKENAUTH = {"ISSUER": lambda request: value}
        with pytest.raises(ImproperlyConfigured) as error:
            load_for(request_to())
        assert str(error.value) == (
            f"The function ISSUER of TOKENAUTH must return {EXPECTED}, not {got}."
        )

    @pytest.mark.parametrize("request_", [None, request_to()], ids=["none", "request"])
    def test_exception_of_the_function_propagates(self, settings, request_):
        settings.TOKENAUTH = {"ISSUER": lambda request: {}["a"]}
        with pytest.raises(KeyError):
            load_for(request_)

    def test_attribute_error_of_the_function_propagates(self, settings):
        settings.TOKENAUTH = {"ISSUER": lambda request: request.tenant}
        with pytest.raises(AttributeError):
            load_for(request_to())

    def test_result_that_is_a_client_id_is_an_error(self, settings):
        settings.TOKENAUTH = {"ISSUER": lambda request: "web", "CLIENTS": {"web": None}}
        with pytest.raises(ImproperlyConfigured, match="returned a client id of CLIENTS"):
            load_for(None)
