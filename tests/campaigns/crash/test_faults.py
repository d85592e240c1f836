"""A fault at each statement of a request: the short version, without those that take a while."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.campaigns.crash.operations import OPERATIONS
from tests.campaigns.crash.statements import bench

pytestmark = [pytest.mark.attack(135), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def server(alice, bob):
    with bench() as ours:
        yield ours


def outcomes(server, operation, faults):
    """What is wrong after these faults at each of its statements."""
    statements = server.statements(operation)
    assert statements
    return {
        (operation.name, at, fault.name): server.fail(operation, at, fault)
        for at, statement in enumerate(statements, 1)
        for fault in faults
        if fault.applies(statement)
    }


def nothing_wrong(found):
    return {key: [] for key in found}


@pytest.mark.promise(9)
def test_a_refresh_survives_whatever_happens_to_its_statements(server):
    [refresh] = [operation for operation in OPERATIONS if operation.name == "refresh"]
    faults = [fault for fault in server.faults if not fault.is_slow]
    found = outcomes(server, refresh, faults)
    assert {at for _, at, _ in found} == {1, 2}
    assert {name for _, _, name in found} == {fault.name for fault in faults}
    assert found == nothing_wrong(found)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="locked, it is in test_services_faults")
def test_each_request_survives_the_loss_of_any_of_its_statements(server):
    # After it was executed: nobody knows then whether it was.
    [lost] = [fault for fault in server.faults if "before the answer" in fault.name]
    for operation in OPERATIONS:
        found = outcomes(server, operation, [lost])
        assert found == nothing_wrong(found)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="a file lets everybody in")
def test_each_request_survives_a_database_that_lets_nobody_in(server):
    found = {operation.name: server.unreachable(operation) for operation in OPERATIONS}
    assert found == nothing_wrong(found)
