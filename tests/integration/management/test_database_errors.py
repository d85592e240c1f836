"""The commands on sessions report a database error in one line."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError

from django_tokenauth.models import Session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.usefixtures("missing_session_table")
@pytest.mark.parametrize(
    "arguments",
    [
        ("tokenauth_prune",),
        ("tokenauth_prune", "--dry-run"),
        ("tokenauth_revoke", "--all", "--no-input"),
        ("tokenauth_session", "3f9a0c51d2e7"),
    ],
    ids=" ".join,
)
def test_command_without_session_table_says_to_run_migrate(arguments):
    with pytest.raises(CommandError) as caught:
        call_command(*arguments, stdout=StringIO(), stderr=StringIO())
    message = str(caught.value)
    assert message.startswith("The database reports: ")
    assert Session._meta.db_table in message
    assert message.endswith(". If a table or column is missing, run manage.py migrate.")
    assert isinstance(caught.value.__cause__, DatabaseError)
