"""Changes of rows, with a statement that is compiled once and not each time.

As :mod:`django_tokenauth.sessions.compiled`, for ``UPDATE``: the ORM compiles it when it is made,
and from then on only the values are put in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import connections
from django.db.models import Model, QuerySet, Value
from django.db.models.sql import UpdateQuery
from django.db.transaction import mark_for_rollback_on_error


class Given(Value):
    """A value that comes later. Its place among the parameters is told by itself standing there.

    Its own value is the role and the name of what is given; its field says how to write it.
    """

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]

    def prepared(self, values: Mapping[str, Mapping[str, Any]], connection: Any) -> Any:
        """As the database takes it."""
        role, name = self.value
        return self.output_field.get_db_prep_save(values[role][name], connection)


def given(model: type[Model], name: str, role: str = "found") -> Given:
    """Stands for a value of the field ``name``, in a condition or, by ``role``, in a change."""
    field: Any = model._meta.get_field(name)
    return Given((role, name), output_field=field)


class Update:
    """What ``rows.filter(**found).update(**changes)`` does, for fields that are always the same.

    It is compiled for the database of ``rows`` when this is made, so ``rows`` must not depend on
    what changes later: the request, a tenant, the time; nor on another table, which Django may ask
    while it compiles. Any thread may use it.
    """

    def __init__(
        self, rows: QuerySet[Model], *, found: Collection[str], changes: Collection[str]
    ) -> None:
        def all_given(role: str, names: Collection[str]) -> dict[str, Any]:
            return {name: given(rows.model, name, role) for name in names}

        self._alias = rows.db
        # From here on it is what QuerySet.update of Django does.
        query: Any = rows.filter(**all_given("found", found)).query.chain(UpdateQuery)
        query.add_update_values(all_given("changes", changes))
        self._sql, self._parameters = query.get_compiler(using=self._alias).as_sql()

    def run(self, *, found: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
        """Change the rows that have ``found``, none of which is ``None``, and tell how many those
        are. One statement."""
        connection = connections[self._alias]
        values = {"found": found, "changes": changes}
        parameters = [
            one.prepared(values, connection) if isinstance(one, Given) else one
            for one in self._parameters
        ]
        with mark_for_rollback_on_error(self._alias), connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            return int(cursor.rowcount)
