"""Bodies of ``multipart/form-data``, which test clients, ``FormData`` and ``curl -F`` send.

Tests without ``alice`` have no database: a statement is an error.
"""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from django_tokenauth.http.parsers import MAX_BODY
from tests.support.client import (
    ALL_PARAMETERS,
    INVALID_REQUEST,
    REPEATED,
    REQUIRED_PARAMETERS,
    SESSION_ENDED,
    TOO_LARGE,
    malformed,
    status_and_json,
)

ALL_ENDPOINTS = pytest.mark.parametrize("path", REQUIRED_PARAMETERS)
MULTIPART = "multipart/form-data; boundary=x"


@pytest.fixture(params=[None, "POST"])
def middleware_reads(request, settings):
    """Run the test without and with a middleware that reads the form before the view."""
    if request.param:
        settings.MIDDLEWARE = ["tests.support.middleware.reads_post"]


def send(path, body, content_type=MULTIPART):
    return Client().post(f"/auth/{path}", body, content_type=content_type)


def part(name, text, header=""):
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{header}\r\n\r\n{text}\r\n'


@pytest.mark.parametrize("client", [Client, APIClient])
def test_default_of_test_clients_signs_in_and_out(alice, client):
    client = client()
    tokens = client.post("/auth/token/", {"username": "alice", "password": "correct horse"}).json()
    refreshed = client.post("/auth/token/refresh/", {"refresh_token": tokens["refresh_token"]})
    assert refreshed.status_code == 200
    token = {"token": refreshed.json()["refresh_token"]}
    assert status_and_json(client.post("/auth/token/revoke/", token)) == (200, {})
    assert client.post("/auth/token/refresh/", {"refresh_token": token["token"]}).status_code == 400


def test_multipart_sign_in_reads_unicode_and_base64_parts(alice):
    alice.set_password("pässword")
    alice.save()
    encoded = "\r\nContent-Transfer-Encoding: base64"
    body = part("username", "YWxpY2U=", encoded) + part("password", "pässword") + "--x--\r\n"
    assert send("token/", body.encode()).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "more"),
    [
        (f"{MULTIPART}; charset=utf-8", ""),
        ("multipart/form-data; charset=latin-1; boundary=x", ""),
        ('multipart/form-data; boundary="x"', ""),
        # Browsers send an empty file field, and a form may name its encoding.
        (MULTIPART, part("photo", "", '; filename=""\r\nContent-Type: application/octet-stream')),
        (MULTIPART, part("_charset_", "utf-8")),
        (MULTIPART, part("device_name", "")),
    ],
)
def test_multipart_form_of_a_browser_signs_in(alice, content_type, more):
    body = part("username", "alice") + part("password", "correct horse") + more + "--x--\r\n"
    assert send("token/", body, content_type).status_code == 200


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_multipart_with_another_method_returns_405(method):
    body = part("username", "alice") + "--x--\r\n"
    response = getattr(Client(), method)("/auth/token/", body, content_type=MULTIPART)
    assert response.status_code == 405


def test_sign_in_with_middleware_that_reads_the_form_succeeds(alice, middleware_reads):
    response = Client().post("/auth/token/", {"username": "alice", "password": "correct horse"})
    assert response.status_code == 200


@ALL_ENDPOINTS
@pytest.mark.usefixtures("middleware_reads")
class TestRejected:
    def test_multipart_body_names_the_missing_parameters(self, path):
        expected = (400, malformed(*REQUIRED_PARAMETERS[path]))
        assert status_and_json(send(path, part("a", "1") + "--x--\r\n")) == expected

    @pytest.mark.attack(119)
    def test_multipart_body_with_a_file_returns_400(self, path):
        for name in ("extra", *REQUIRED_PARAMETERS[path]):
            body = {**ALL_PARAMETERS, name: SimpleUploadedFile("name.txt", b"content")}
            response = Client().post(f"/auth/{path}", body)
            assert status_and_json(response) == (400, INVALID_REQUEST)

    @pytest.mark.attack(119)
    def test_multipart_body_with_duplicate_names_returns_400(self, path):
        for name, text in ALL_PARAMETERS.items():
            response = Client().post(f"/auth/{path}", {**ALL_PARAMETERS, name: [text, text]})
            assert status_and_json(response) == (400, REPEATED)

    @pytest.mark.attack(120)
    def test_multipart_body_above_the_maximum_size_returns_400(self, path):
        response = Client().post(f"/auth/{path}", {**ALL_PARAMETERS, "a": "x" * MAX_BODY})
        assert status_and_json(response) == (400, TOO_LARGE)

    @pytest.mark.parametrize("length", ["text", "-1", "1e9", ""])
    def test_multipart_body_with_invalid_length_is_rejected(self, path, length):
        response = Client(raise_request_exception=False).generic(
            "POST", f"/auth/{path}", part("a", "1"), MULTIPART, CONTENT_LENGTH=length
        )
        assert response.status_code == 400


@ALL_ENDPOINTS
@pytest.mark.attack(119)
@pytest.mark.parametrize(
    "content_type",
    [
        *("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; b=x"),
        *("multipart/form-data; boundary=\xe9", 'multipart/form-data; boundary="x\t"'),
    ],
)
def test_multipart_body_without_valid_boundary_returns_400(path, content_type):
    response = send(path, part("token", "a.b.c") + "--x--\r\n", content_type)
    assert status_and_json(response) == (400, INVALID_REQUEST)


@pytest.mark.parametrize(
    "content_type", ["Multipart/Form-Data; boundary=x", "MULTIPART/form-data; boundary=x"]
)
def test_multipart_content_type_in_upper_case_is_read(content_type):
    body = part("refresh_token", "a.b.c") + "--x--\r\n"
    assert status_and_json(send("token/refresh/", body, content_type)) == (400, SESSION_ENDED)


@pytest.mark.parametrize("limit", ["DATA_UPLOAD_MAX_NUMBER_FIELDS", "DATA_UPLOAD_MAX_MEMORY_SIZE"])
def test_multipart_body_above_the_limits_of_django_returns_400(settings, limit):
    setattr(settings, limit, 3)
    response = Client().post("/auth/token/", {f"name{n}": "value" for n in range(9)})
    assert status_and_json(response) == (400, INVALID_REQUEST)


def test_multipart_sign_in_with_wrong_passwords_is_throttled(alice, settings):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "2/hour"}
    wrong = {"username": "alice", "password": "wrong"}
    responses = [Client().post("/auth/token/", wrong) for _ in range(3)]
    assert [response.status_code for response in responses] == [400, 400, 429]
