"""How the fields of the schema are read, and why some are left to graphql-core."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from graphql import (
    DirectiveLocation,
    DirectiveNode,
    DocumentNode,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    Visitor,
    visit,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

_EXECUTABLE = {
    DirectiveLocation.QUERY,
    DirectiveLocation.MUTATION,
    DirectiveLocation.SUBSCRIPTION,
    DirectiveLocation.FIELD,
    DirectiveLocation.FRAGMENT_DEFINITION,
    DirectiveLocation.FRAGMENT_SPREAD,
    DirectiveLocation.INLINE_FRAGMENT,
    DirectiveLocation.VARIABLE_DEFINITION,
}


class Reason(StrEnum):
    """Why graphql-core ran an operation. The first ones are known before anything is run."""

    INTROSPECTION = "introspection"
    DIRECTIVE = "directive"
    """A directive other than @skip and @include may be in it."""
    RESOLVER = "resolver"
    """A field below the root is read by something that is no plain attribute or method."""
    TYPE = "type"
    """A type whose values are told apart by other than their class."""
    SIZE = "size"
    """The code would be too large."""
    ERROR = "error"
    """Something went wrong: a resolver raised, or a value is none of its type. Then errors are told as graphql-core tells
    them, with what the root fields gave; these are not run twice."""


class Unsupported(Exception):
    """The compiled executor does not take this."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reading:
    """How a field is read from its object: an attribute, or a method, called with the arguments where there are any."""

    attribute: str
    method: Callable[..., Any] | None
    convert: Callable[[dict[str, Any]], dict[str, Any]] | None


def reading(field: GraphQLField, config: StrawberryConfig, scalars: Mapping[Any, Any]) -> Reading:
    """How a field is read. Raises `Unsupported`."""
    said = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(said, StrawberryField) or said.python_name is None or said.extensions or said.permission_classes:
        raise Unsupported(Reason.RESOLVER)
    resolver = said.base_resolver
    if resolver is None:
        return Reading(said.python_name, None, None)
    if resolver.is_async or resolver.info_parameter or resolver.parent_parameter or resolver.root_parameter:
        raise Unsupported(Reason.RESOLVER)
    if resolver.self_parameter is None:
        raise Unsupported(Reason.RESOLVER)

    def convert(given: dict[str, Any]) -> dict[str, Any]:
        return convert_arguments(given, said.arguments, scalars, config)

    method = cast(Callable[..., Any], resolver.wrapped_func)  # with a self it is a plain function
    return Reading(said.python_name, method, convert if field.args else None)


def class_of(kind: GraphQLObjectType) -> type:
    """The class whose objects are of this type. Raises `Unsupported`."""
    said = kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(said, StrawberryObjectDefinition) or kind.is_type_of is not None:
        raise Unsupported(Reason.TYPE)
    return (said.concrete_of or said).origin  # objects of Connection[Dataset] are Connections


def foreign_directives(core: GraphQLSchema) -> frozenset[str]:
    """The directives that documents may hold, beside @skip and @include."""
    known = {GraphQLSkipDirective.name, GraphQLIncludeDirective.name}
    return frozenset(each.name for each in core.directives if _EXECUTABLE & set(each.locations)) - known


def check_directives(document: DocumentNode, foreign: frozenset[str]) -> None:
    """Raises `Unsupported` where a document holds one of these."""

    if foreign:
        visit(document, _Directives(foreign))


class _Directives(Visitor):
    def __init__(self, refused: frozenset[str]) -> None:
        super().__init__()
        self._refused = refused

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in self._refused:
            raise Unsupported(Reason.DIRECTIVE)
