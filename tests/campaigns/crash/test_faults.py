"""Fault injection into each statement of a request: the short form, without slow faults."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.campaigns.crash.operations import OPERATIONS
from tests.campaigns.crash.statements import fault_server

pytestmark = [pytest.mark.attack(135), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def server(alice, bob):
    with fault_server() as instance:
        yield instance


def errors_after_faults(server, operation, faults):
    """Return the errors after each fault at each statement of the operation."""
    statements = server.statements(operation)
    assert statements
    return {
        (operation.name, at, fault.name): server.errors_after(operation, at, fault)
        for at, statement in enumerate(statements, 1)
        for fault in faults
        if fault.applies(statement)
    }


def no_errors(errors):
    return {key: [] for key in errors}


@pytest.mark.promise(9)
def test_refresh_recovers_from_database_fault_at_each_statement(server):
    [refresh] = [operation for operation in OPERATIONS if operation.name == "refresh"]
    faults = [fault for fault in server.faults if not fault.is_slow]
    errors = errors_after_faults(server, refresh, faults)
    assert {at for _, at, _ in errors} == {1, 2}
    assert {name for _, _, name in errors} == {fault.name for fault in faults}
    assert errors == no_errors(errors)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="Other databases take a minute.")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_request_recovers_from_fault_at_each_statement(server, operation):
    errors = errors_after_faults(server, operation, server.faults)
    assert errors == no_errors(errors)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no connection to lose.")
def test_requests_recover_from_lost_statement_results(server):
    # The statement was executed, but the client does not know it.
    [lost_result] = [fault for fault in server.faults if "before its result" in fault.name]
    for operation in OPERATIONS:
        errors = errors_after_faults(server, operation, [lost_result])
        assert errors == no_errors(errors)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="A SQLite file is always reachable.")
def test_requests_recover_from_unreachable_database(server):
    errors = {operation.name: server.errors_when_unreachable(operation) for operation in OPERATIONS}
    assert errors == no_errors(errors)
