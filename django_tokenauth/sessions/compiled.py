"""Rows found by their key or by other values, with a statement that is compiled once.

Django compiles a query anew whenever it runs. For the session with its user, which every request
asks for, that is most of what the request costs. The statement is always the same, so here it is
compiled once for each database, and only the key or the values are put in.
"""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet, Value
from django.db.models.query import get_related_populators
from django.db.models.sql import UpdateQuery
from django.db.transaction import mark_for_rollback_on_error


class Placeholder(Value):
    """A value that comes later. Its place among the parameters is told by itself standing there.

    Its own value is the role and the name of what is given; its field says how to write it.
    """

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]

    def prepared(self, values: Mapping[str, Mapping[str, Any]], connection: Any) -> Any:
        """As the database takes it."""
        role, name = self.value
        return self.output_field.get_db_prep_save(values[role][name], connection)


def placeholder(model: type[Model], name: str, role: str = "found") -> Placeholder:
    """Stands for a value of the field ``name``, in a condition or, by ``role``, in a change."""
    field: Any = model._meta.get_field(name)
    return Placeholder((role, name), output_field=field)


class CompiledUpdate:
    """What ``rows.filter(**found).update(**changes)`` does, for fields that are always the same.

    It is compiled for the database of ``rows`` when this is made, so ``rows`` must not depend on
    what changes later: the request, a tenant, the time; nor on another table, which Django may ask
    while it compiles. Any thread may use it.
    """

    def __init__(
        self, rows: QuerySet[Model], *, found: Collection[str], changes: Collection[str]
    ) -> None:
        def all_given(role: str, names: Collection[str]) -> dict[str, Any]:
            return {name: placeholder(rows.model, name, role) for name in names}

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
            one.prepared(values, connection) if isinstance(one, Placeholder) else one
            for one in self._parameters
        ]
        with mark_for_rollback_on_error(self._alias), connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            return int(cursor.rowcount)


M = TypeVar("M", bound=Model)
# What is made of a row.
R = TypeVar("R")

# Stands where the key will; nothing else in a statement is equal to it.
_SAMPLE = uuid.UUID("7b1f3a52-5d0e-4c1b-9a4e-0f8d2c6e9b37")


class _Reader(ABC, Generic[R]):
    """The columns that ``compiler`` selects for ``rows``, and how a row of them is read."""

    def __init__(self, rows: QuerySet[Any], compiler: Any) -> None:
        self._alias = rows.db
        self._model = rows.model
        selected = compiler.select
        fields = compiler.klass_info["select_fields"]
        self._own = slice(fields[0], fields[-1] + 1)
        self._names = [column[0].target.attname for column in selected[self._own]]
        # From Django 6.1 on, rows know how their other fields would be fetched.
        modes = [rows._fetch_mode] if hasattr(rows, "_fetch_mode") else []
        self._related = get_related_populators(compiler.klass_info, selected, self._alias, *modes)
        self._expressions = [column[0] for column in selected]
        # The places of the values that are made Python's: the others are not asked for.
        self._used: Collection[int] = range(len(selected))
        # They are bound to a connection, which must not outlive the thread that it belongs to.
        self._bound = threading.local()

    def _converters(self, connection: Any) -> Any:
        """What makes the values of ``connection`` those of the fields, by their places."""
        if getattr(self._bound, "connection", None) is not connection:
            found = [
                [*connection.ops.get_db_converters(each), *each.get_db_converters(connection)]
                for each in self._expressions
            ]
            self._bound.connection = connection
            self._bound.converters = [
                (place, converters, self._expressions[place])
                for place, converters in enumerate(found)
                if converters and place in self._used
            ]
        return self._bound.converters

    def read(self, found: Sequence[Any], connection: Any) -> R:
        """What is made of a row that the database gave."""
        row = list(found)
        for place, converters, expression in self._converters(connection):
            for convert in converters:
                row[place] = convert(row[place], expression, connection)
        return self._made(row)

    @abstractmethod
    def _made(self, row: list[Any]) -> R:
        """Of the values as Python has them."""


class _InstanceReader(_Reader[M]):
    """What ModelIterable of Django does with each row."""

    def _made(self, row: list[Any]) -> M:
        instance: M = self._model.from_db(self._alias, self._names, row[self._own])
        for populator in self._related:
            populator.populate(row, instance)
        return instance


class _PartReader(_Reader[tuple[Any, ...]]):
    """Makes no instance of the model of the rows."""

    def __init__(self, rows: QuerySet[Any], compiler: Any, *, names: Sequence[str]) -> None:
        super().__init__(rows, compiler)
        self._places = [self._own.start + self._names.index(name) for name in names]
        self._used = {*self._places, *range(self._own.stop, len(self._expressions))}
        [other] = self._related
        self._other: Any = other
        # It would set what it has made on an instance of the model.
        self._other.local_setter = list.append

    def _made(self, row: list[Any]) -> tuple[Any, ...]:
        part: list[Any] = []
        self._other.populate(row, part)
        part.extend([row[place] for place in self._places])
        return tuple(part)


class _ByKey(Generic[R]):
    """Finds one of ``rows`` by its key, a UUID, and gives what ``reader`` makes of it."""

    def __init__(self, rows: QuerySet[Any], reader: Callable[..., _Reader[R]]) -> None:
        self._alias = rows.db
        self._key: Any = rows.model._meta.pk
        sample = self._key.get_db_prep_value(_SAMPLE, connections[self._alias])
        compiler = rows.filter(pk=_SAMPLE).query.get_compiler(using=self._alias)
        self._sql, parameters = compiler.as_sql()
        parameters = tuple(parameters)
        place = parameters.index(sample)
        self._before, self._after = parameters[:place], parameters[place + 1 :]
        self._reader = reader(rows, compiler)

    def get(self, key: object) -> R | None:
        """The row of ``key`` (a UUID or its text), or ``None``. One statement."""
        connection = connections[self._alias]
        value = self._key.get_db_prep_value(key, connection)
        with connection.cursor() as cursor:
            cursor.execute(self._sql, (*self._before, value, *self._after))
            found = cursor.fetchone()
        return None if found is None else self._reader.read(found, connection)


class CompiledGet(_ByKey[M]):
    """Finds one of ``rows`` by its key, a UUID: what ``rows.filter(pk=key).first()`` gives.

    It is compiled for the database of ``rows`` when this is made, so ``rows`` must not depend on
    what changes later: the request, a tenant, the time. Of what can make a row more than its
    fields, only ``select_related`` and ``only`` are honoured. Any thread may use it.
    """

    def __init__(self, rows: QuerySet[M]) -> None:
        super().__init__(rows, _InstanceReader)


class CompiledGetColumns(_ByKey[tuple[Any, ...]]):
    """As :class:`CompiledGet`, for ``rows`` with one foreign key in ``select_related``. Gives what
    that points to, or ``None``, and then the values of ``names``, which ``rows`` do not defer.

    To make an instance and ask it for two values takes a sixth of the authentication of a request.
    """

    def __init__(self, rows: QuerySet[Any], *names: str) -> None:
        super().__init__(rows, partial(_PartReader, names=names))


class Selection(Generic[M]):
    """Finds ``rows``, which say by :class:`Placeholder` where values come later.

    Compiled as :class:`CompiledGet`, with the same limits. Any thread may use it.
    """

    def __init__(self, rows: QuerySet[M]) -> None:
        self._alias = rows.db
        compiler = rows.query.get_compiler(using=self._alias)
        self._sql, self._parameters = compiler.as_sql()
        self._reader: _InstanceReader[M] = _InstanceReader(rows, compiler)

    def all(self, **found: Any) -> list[M]:
        """The rows that have ``found``, none of which is ``None``. One statement."""
        connection = connections[self._alias]
        values = {"found": found}
        parameters = [
            one.prepared(values, connection) if isinstance(one, Placeholder) else one
            for one in self._parameters
        ]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            rows = cursor.fetchall()
        return [self._reader.read(row, connection) for row in rows]
