"""The schema itself, built once."""

from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLObjectType
from strawberry.schema.config import StrawberryConfig

from schema.guards import Documents, Guard, Limits
from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS
from schema.types.entities import ENTITY_TYPES


class LineageSchema(strawberry.Schema):
    """Strawberry's schema with our guard around each operation, which logs and masks in its place."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(
            query=Query,
            mutation=Mutation,
            types=list(ENTITY_TYPES.values()),
            extensions=[self._guard],
            config=StrawberryConfig(scalar_map=SCALARS),
        )
        core = self._schema
        self._documents = Documents(core, limits or Limits())
        for kind in core.type_map.values():
            if isinstance(kind, GraphQLObjectType):
                kind.is_type_of = None  # each value is made as what it is; asking again costs a tenth of a large answer

    def _guard(self) -> Guard:
        return Guard(self._documents)

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing: `schema.errors.present` logs what was not foreseen, once and short."""


@cache
def schema() -> LineageSchema:
    """The schema with the usual limits."""
    return LineageSchema()
