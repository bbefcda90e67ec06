"""Scalars and enums: what most values are is checked in place, anything else is asked of the type."""

import sys
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from graphql import GraphQLEnumType, GraphQLLeafType, Undefined

from schema.columns import Columns

_MOST = repr(sys.float_info.max)
_IN_PLACE = {
    "String": "type({x}) is str",
    "ID": "type({x}) is str",
    "Boolean": "type({x}) is bool",
    "Int": "type({x}) is int and -2147483648 <= {x} <= 2147483647",
    "Float": f"type({{x}}) is float and -{_MOST} <= {{x}} <= {_MOST}",
}


class Odd(Exception):
    """A value is not what its type says: graphql-core is to tell."""


class Leaf(NamedTuple):
    """How values of a scalar or an enum are answered. `test` is source that holds for a `{x}` that is answered as `told`; in
    it the class of an enum is called `{cls}`. Where it does not hold, or there is none, `asked` tells, or raises."""

    asked: Callable[[Any], Any]
    test: str | None
    told: str
    cls: type[Enum] | None


def leaf(kind: GraphQLLeafType) -> Leaf:
    """How values of this type are answered."""
    cls = _enum_class(kind)
    if cls is not None:
        return Leaf(_asked(kind), "type({x}) is {cls}", "{x}._name_", cls)
    return Leaf(_asked(kind), _IN_PLACE.get(kind.name), "{x}", None)


def _enum_class(kind: GraphQLLeafType) -> type[Enum] | None:
    """The class of an enum whose members are called what they are answered as."""
    of: Any = getattr(kind, "wrapped_cls", None) if isinstance(kind, GraphQLEnumType) else None
    if of is None or not issubclass(of, Enum):
        return None
    members: list[Any] = list(of)
    return of if all(kind.coerce_output_value(each) == each.name for each in members) else None


def _asked(kind: GraphQLLeafType) -> Callable[[Any], Any]:
    """What the type makes of a value that is there. Raises where it makes nothing of it."""
    coerce = kind.coerce_output_value

    def ask(value: Any) -> Any:
        if value is None or value is Undefined or isinstance(value, Exception):
            raise Odd
        made = coerce(value)
        if made is None or made is Undefined:
            raise Odd
        return made

    return ask


def sequence(value: Any) -> Any:
    """A list that can be read more than once."""
    if isinstance(value, list | tuple | Columns):
        return value
    raise Odd


def instance(value: Any, of: type) -> None:
    """Raises `Odd` for what is not an object of a class."""
    if not isinstance(value, of):
        raise Odd
