"""Gateways reject all requests while the authorization server fails, and recover after it."""

from __future__ import annotations

import pytest

from tests.external.gateways.service import Switch


@pytest.fixture(scope="module")
def token(server):
    return server.sign_in(scope="notes:read notes:write")["access_token"]


def assert_rejects(gateway, token):
    response, requests = gateway.send(token=token)
    assert (response.status, requests) == (gateway.program.failure, [])


def assert_accepts(gateway, token):
    assert gateway.send(token=token)[0].status == 200, gateway.logs()


@pytest.mark.attack(186)
def test_gateway_rejects_requests_during_a_database_failure(exact_gateway, server, token):
    assert_accepts(exact_gateway, token)
    with server.without_database():
        assert_rejects(exact_gateway, token)
    assert_accepts(exact_gateway, token)


@pytest.mark.attack(186)
def test_gateway_rejects_requests_if_the_server_is_unreachable(exact_gateway, token):
    assert_accepts(exact_gateway, token)
    with exact_gateway.switch.responding(Switch.NOTHING):
        response, requests = exact_gateway.send(token=token)
        assert (response.status, requests) == (exact_gateway.program.unreachable, [])
    assert_accepts(exact_gateway, token)


@pytest.mark.attack(186)
@pytest.mark.parametrize("status", ["500 Internal Server Error", "302 Found", "404 Not Found"])
def test_gateway_rejects_requests_on_auth_status_302_404_or_500(forwarding_gateway, token, status):
    content = f"{status}\r\nLocation: /elsewhere/\r\nContent-Length: 0".encode()
    with forwarding_gateway.switch.responding(content):
        response, requests = forwarding_gateway.send(token=token)
    assert (response.status != 200, requests) == (True, [])
    assert_accepts(forwarding_gateway, token)


def test_local_verification_accepts_tokens_without_a_database(local_gateway, server, token):
    with server.without_database():
        assert_accepts(local_gateway, token)
