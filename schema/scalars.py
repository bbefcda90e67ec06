"""DateTime and JSON. Inside, a time is whole microseconds since 1970 in UTC and JSON is what it is."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NewType

import strawberry
from graphql import GraphQLError, ValueNode, value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

Micros = NewType("Micros", int)
"""A DateTime of the API."""
JsonValue = NewType("JsonValue", object)
"""A JSON of the API."""

DEEPEST: Final = 100
"""Levels of a JSON that is taken."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN_EPOCH = _EPOCH.replace(tzinfo=None)
_MICRO = timedelta(microseconds=1)


def parse_time(text: object) -> Micros:
    """Microseconds of an ISO 8601 time with offset. Raises GraphQLError.

    >>> parse_time("1970-01-01T01:00:00.5+01:00")
    500000
    """
    if not isinstance(text, str):
        raise GraphQLError("a DateTime is a string: 2026-05-01T12:00:00Z")
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise GraphQLError("a DateTime is ISO 8601 with an offset: 2026-05-01T12:00:00Z") from None
    if time.tzinfo is None:
        raise GraphQLError("a DateTime needs its offset: 2026-05-01T12:00:00Z, or +02:00 in place of Z")
    return Micros((time - _EPOCH) // _MICRO)


def print_time(micros: int) -> str:
    """The time in UTC, as short as it can be told exactly.

    >>> print_time(0), print_time(1)
    ('1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000001Z')
    """
    return (_PLAIN_EPOCH + timedelta(microseconds=micros)).isoformat() + "Z"


def _check_json(value: Any, levels: int = DEEPEST) -> Any:
    """The value, if JSON can say it and stores can keep it: a NaN or an Infinity from Python's parser cannot be stored or
    sent, and what is very deep not by all."""
    if levels < 0:
        raise GraphQLError(f"a JSON has at most {DEEPEST} levels")
    if isinstance(value, float) and not math.isfinite(value):
        raise GraphQLError("JSON has no NaN and no Infinity")
    if isinstance(value, Mapping):
        for each in value.values():
            _check_json(each, levels - 1)
    elif isinstance(value, list):
        for each in value:
            _check_json(each, levels - 1)
    return value


def _json_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
    return _check_json(value_from_ast_untyped(node, variables))


SCALARS: Mapping[object, ScalarDefinition] = {
    Micros: strawberry.scalar(
        name="DateTime",
        description="One point in time, ISO 8601 with offset; answers are in UTC and end in Z.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=print_time,
        parse_value=parse_time,
    ),
    JsonValue: strawberry.scalar(
        name="JSON",
        description="Any JSON value; facets and user-chosen context.",
        serialize=lambda value: value,
        parse_value=lambda value: _check_json(value),
        parse_literal=_json_literal,
    ),
}
