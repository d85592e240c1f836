"""The statements of a request and a refresh, compiled once for each database.

Django compiles a query each time the query runs. Two executions of a compiled statement differ only
in their parameters, so one compilation is enough. On SQLite, a compiled statement finds a session
with its user in 0.1 ms of CPU time, and the ORM in 1.1 ms. Compiled statements rely on private APIs
of Django's compiler. If one of Django's private APIs has changed, the queries run through the ORM:
slower, with the same results.
"""

from __future__ import annotations

import logging
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Generic, TypeVar

from django.db import connections, transaction
from django.db.models import Model, Q, QuerySet, Value, sql

logger = logging.getLogger("django_tokenauth")

M = TypeVar("M", bound=Model)
# The result for one row.
R = TypeVar("R")

#: A function that returns the compiler of a query for a database alias.
CompilerOf = Callable[[Any, str], Any]

# Errors that a change of Django's private APIs can cause. Database errors propagate.
_CHANGED_INTERNALS = (AttributeError, LookupError, TypeError, ValueError)

# The primary key in a query that is being compiled. No other parameter equals this UUID.
_SAMPLE_KEY = uuid.UUID("7b1f3a52-5d0e-4c1b-9a4e-0f8d2c6e9b37")


def django_compiler(query: Any, using: str) -> Any:
    """Return Django's own compiler of *query* for the database *using*."""
    return query.get_compiler(using=using)


def _log_fallback(error: Exception) -> None:
    logger.warning(
        "this version of Django cannot be used with compiled statements, "
        "so the ORM is used instead (%s)",
        type(error).__name__,
    )


class Placeholder(Value):
    """A parameter whose value is known only when the statement runs.

    ``value`` is ``(clause, name)``: the field *name* in the ``"where"`` or ``"values"`` clause.
    """

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        # The compiler adds the placeholder to the parameters, and CompiledUpdate replaces it with a
        # value.
        return "%s", [self]

    def prepare(self, arguments: Mapping[str, Mapping[str, Any]], connection: Any) -> Any:
        """Return the value of the field in *arguments*, converted for *connection*."""
        clause, name = self.value
        return self.output_field.get_db_prep_save(arguments[clause][name], connection)


def _placeholders(model: type[Model], clause: str, names: Collection[str]) -> dict[str, Any]:
    fields: Any = {name: model._meta.get_field(name) for name in names}
    return {name: Placeholder((clause, name), output_field=fields[name]) for name in names}


class CompiledUpdate:
    """Runs ``rows.filter(**where).update(**values)`` for fixed sets of field names.

    *where* and *values* are names of fields. The statement is compiled for the database of *rows*
    when the object is created. The SQL of *rows* must not change later (with the request, a tenant
    or the time) or use another table. Thread-safe.
    """

    def __init__(
        self,
        rows: QuerySet[Any],
        *,
        where: Collection[str],
        values: Collection[str],
        compiler_of: CompilerOf = django_compiler,
    ) -> None:
        self._rows = rows
        self._alias = rows.db
        self._sql: str | None = None
        self._parameters: tuple[Any, ...] = ()
        try:
            self._compile(where, values, compiler_of)
        except _CHANGED_INTERNALS as error:
            _log_fallback(error)

    def _compile(
        self, where: Collection[str], values: Collection[str], compiler_of: CompilerOf
    ) -> None:
        """Compile the statement of ``QuerySet.update()``, with a placeholder for each value."""
        model = self._rows.model
        filtered: Any = self._rows.filter(**_placeholders(model, "where", where))
        query = filtered.query.chain(sql.UpdateQuery)
        query.add_update_values(_placeholders(model, "values", values))
        statement, parameters = compiler_of(query, self._alias).as_sql()
        if sum(isinstance(one, Placeholder) for one in parameters) != len(where) + len(values):
            raise ValueError("placeholders are missing from the parameters")
        self._mark_for_rollback = transaction.mark_for_rollback_on_error
        self._sql, self._parameters = statement, tuple(parameters)

    def run(self, *, where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
        """Update the rows that match *where* and return their number. One statement.

        The values of *where* must not be ``None``.
        """
        if self._sql is None:
            return self._rows.filter(**where).update(**values)
        connection = connections[self._alias]
        arguments = {"where": where, "values": values}
        parameters = [
            one.prepare(arguments, connection) if isinstance(one, Placeholder) else one
            for one in self._parameters
        ]
        with self._mark_for_rollback(self._alias), connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            return int(cursor.rowcount)


class _Columns:
    """The columns of one model in the rows of a statement."""

    def __init__(self, klass_info: Any, select: Sequence[Any]) -> None:
        places = list(klass_info["select_fields"])
        self.start, self.end = places[0], places[-1] + 1
        if places != list(range(self.start, self.end)):
            raise ValueError("the columns of a model are not adjacent")
        self._model: type[Model] = klass_info["model"]
        self.names = [column[0].target.attname for column in select[self.start : self.end]]
        self._key = self.start + self.names.index(self._model._meta.pk.attname)

    def instance(self, alias: str, row: Sequence[Any]) -> Any:
        """Return the instance of the model in *row*, or ``None`` if its key is null."""
        if row[self._key] is None:
            return None
        return self._model.from_db(alias, self.names, row[self.start : self.end])


class _Select:
    """The SQL of a query for a key with one related model, and the layout of its rows.

    *names* are the fields that are compared with the key, all of one type.
    """

    def __init__(
        self, rows: QuerySet[Any], names: Sequence[str], sample: object, compiler_of: CompilerOf
    ) -> None:
        self.alias = rows.db
        self._key: Any = rows.model._meta.get_field(names[0])
        compiler = compiler_of(_with_key(rows, names, sample).query, self.alias)
        self._sql, parameters = compiler.as_sql()
        parameters = tuple(parameters)
        sample = self._key.get_db_prep_value(sample, connections[self.alias])
        self._repeated = len(names)
        place = parameters.index(sample)
        end = place + self._repeated
        if parameters[place:end] != (sample,) * self._repeated:
            raise ValueError("the parameters of the key are not adjacent")
        self._before, self._after = parameters[:place], parameters[end:]
        self.own = _Columns(compiler.klass_info, compiler.select)
        [related] = compiler.klass_info["related_klass_infos"]
        self.related = _Columns(related, compiler.select)
        self._expressions = [column[0] for column in compiler.select]
        if (self.own.end, self.related.end) != (self.related.start, len(self._expressions)):
            raise ValueError("a row has columns of neither model")
        #: Indexes of the columns whose values are converted.
        self.used: Collection[int] = range(len(self._expressions))
        # Converters belong to a connection, and each thread has its own connection.
        self._bound = threading.local()

    def fetch(self, key: object) -> Sequence[Any] | None:
        """Return the unconverted row with the key *key*, or ``None``. One statement."""
        connection = connections[self.alias]
        values = (self._key.get_db_prep_value(key, connection),) * self._repeated
        with connection.cursor() as cursor:
            cursor.execute(self._sql, (*self._before, *values, *self._after))
            row: Sequence[Any] | None = cursor.fetchone()
            return row

    def convert(self, row: Sequence[Any]) -> list[Any]:
        """Return the values of *row* as Python values of the fields."""
        connection = connections[self.alias]
        converted = list(row)
        for place, converters, expression in self._converters(connection):
            for convert in converters:
                converted[place] = convert(converted[place], expression, connection)
        return converted

    def _converters(self, connection: Any) -> Any:
        if getattr(self._bound, "connection", None) is not connection:
            backend = connection.ops.get_db_converters
            found = [
                (place, [*backend(each), *each.get_db_converters(connection)], each)
                for place, each in enumerate(self._expressions)
                if place in self.used
            ]
            self._bound.converters = [item for item in found if item[1]]
            self._bound.connection = connection
        return self._bound.converters


def _with_key(rows: QuerySet[M], names: Sequence[str], key: object) -> QuerySet[M]:
    """Return those of *rows* in which one of the fields *names* is *key*."""
    return rows.filter(reduce(or_, (Q(**{name: key}) for name in names)))


class _ByKey(ABC, Generic[M, R]):
    """Finds one of *rows* by a key, with the object of its foreign key *related*.

    The key is the primary key, a UUID, or one of the columns *names*, which are strings.
    """

    def __init__(
        self,
        rows: QuerySet[M],
        related: str,
        *,
        names: Sequence[str] = (),
        compiler_of: CompilerOf = django_compiler,
    ) -> None:
        self._rows = rows.select_related(related)
        self._related = related
        self._names = names or [rows.model._meta.pk.name]
        self._sample: object = _SAMPLE_KEY.hex if names else _SAMPLE_KEY
        self._select: _Select | None = None
        try:
            self._select = self._compile(compiler_of)
        except _CHANGED_INTERNALS as error:
            _log_fallback(error)

    def get(self, key: uuid.UUID | str) -> R | None:
        """Return the row of *key*, or ``None``. One statement.

        Raises ``ValidationError`` if *key* must be a UUID and is not one.
        """
        select, changed = self._select, None
        if select is not None:
            row = select.fetch(key)
            if row is None:
                return None
            try:
                return self._from_row(select, select.convert(row))
            except _CHANGED_INTERNALS as error:
                changed = error
        # If a model or field of the project raised the error, the ORM raises the error again.
        instance = _with_key(self._rows, self._names, key).first()
        if changed is not None:
            self._select = None
            _log_fallback(changed)
        return None if instance is None else self._from_instance(instance)

    def _compile(self, compiler_of: CompilerOf) -> _Select:
        return _Select(self._rows, self._names, self._sample, compiler_of)

    @abstractmethod
    def _from_row(self, select: _Select, row: list[Any]) -> R:
        """Return the result for *row*, whose values are Python values."""

    @abstractmethod
    def _from_instance(self, instance: M) -> R:
        """Return the result for *instance*, which the ORM has loaded."""


class CompiledGet(_ByKey[M, M]):
    """Runs ``rows.select_related(related).filter(pk=key).first()``.

    *related* is the name of a foreign key. *rows* must meet the conditions of
    :class:`CompiledUpdate`. *rows* may defer fields. Thread-safe.
    """

    def __init__(
        self, rows: QuerySet[M], related: str, *, compiler_of: CompilerOf = django_compiler
    ) -> None:
        self._field: Any = rows.model._meta.get_field(related)
        super().__init__(rows, related, compiler_of=compiler_of)

    def _from_row(self, select: _Select, row: list[Any]) -> M:
        instance: M = select.own.instance(select.alias, row)
        self._field.set_cached_value(instance, select.related.instance(select.alias, row))
        return instance

    def _from_instance(self, instance: M) -> M:
        return instance


class CompiledGetColumns(_ByKey[M, tuple[Any, ...]]):
    """Runs the query of :class:`CompiledGet` and returns ``(related or None, *column values)``.

    With *names*, find the row by one of these columns instead of the primary key. Running the
    compiled statement creates no instance of the model of *rows*. Thread-safe.
    """

    def __init__(
        self,
        rows: QuerySet[M],
        related: str,
        columns: Sequence[str],
        *,
        names: Sequence[str] = (),
        compiler_of: CompilerOf = django_compiler,
    ) -> None:
        self._columns = columns
        self._places: list[int] = []
        only = rows.only(related, *columns)
        super().__init__(only, related, names=names, compiler_of=compiler_of)

    def _compile(self, compiler_of: CompilerOf) -> _Select:
        select = super()._compile(compiler_of)
        own, related = select.own, select.related
        self._places = [own.start + own.names.index(name) for name in self._columns]
        select.used = {*self._places, *range(related.start, related.end)}
        return select

    def _from_row(self, select: _Select, row: list[Any]) -> tuple[Any, ...]:
        related = select.related.instance(select.alias, row)
        return (related, *[row[place] for place in self._places])

    def _from_instance(self, instance: M) -> tuple[Any, ...]:
        values = [getattr(instance, name) for name in self._columns]
        return (getattr(instance, self._related), *values)
