"""The schema itself, built once."""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from functools import cache
from inspect import isawaitable
from operator import attrgetter
from typing import Any, Final, cast

import graphql
import strawberry
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    create_source_event_stream,
    located_error,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.execution import ExecutionResult
from strawberry.types.field import StrawberryField
from strawberry.types.graphql import OperationType

from schema.cost.admission import pay
from schema.errors import ApiError, bad_input, present
from schema.execute.reading import Reason
from schema.execute.run import MAX_COERCION_ERRORS, Compiled, Refusal
from schema.guards import Documents, Guard, Limits
from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription
from schema.types.entities import ENTITY_TYPES
from schema.types.federation import REPRESENTATION, Representation

RUN: Final = frozenset({OperationType.QUERY.value, OperationType.MUTATION.value})


class LineageSchema(strawberry.Schema):
    """Strawberry's schema with our guard around each operation, which logs and masks in its place. `compiled`: our executor
    runs the operations; else graphql-core does, to compare. `query`: another root, with more to measure."""

    def __init__(self, limits: Limits | None = None, *, compiled: bool = True, query: type = Query) -> None:
        super().__init__(
            query=query,
            mutation=Mutation,
            subscription=Subscription,
            types=list(ENTITY_TYPES.values()),
            extensions=[self._guard],
            config=StrawberryConfig(scalar_map={**SCALARS, Representation: REPRESENTATION}),
        )
        core = self._schema
        self._documents = Documents(core, limits or Limits())
        for kind in core.type_map.values():
            if isinstance(kind, GraphQLObjectType):
                kind.is_type_of = None  # each value is made as what it is; asking again costs a tenth of a large answer
                for field in kind.fields.values():
                    _resolve_plainly(field)
        self._compiled = Compiled(self, lambda reason: self.note_fallback(reason)) if compiled else None

    def _guard(self) -> Guard:
        return Guard(self._documents)

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """As Strawberry's, whose way is taken by whatever is refused: it costs more than most answers do."""
        prepared = self._documents.prepare(query or "")
        kind = prepared.kind_of(operation_name)
        allowed = RUN if allowed_operation_types is None else {each.value for each in allowed_operation_types}
        if self._compiled is None or prepared.document is None or prepared.errors or kind not in allowed:
            return await super().execute(
                query,
                variable_values,
                context_value,
                root_value,
                operation_name,
                allowed_operation_types or (OperationType.QUERY, OperationType.MUTATION),
                operation_extensions,
            )
        told = await self._compiled.execute(
            query or "",
            prepared.document,
            context_value,
            variable_values,
            operation_name,
            prepared.refusal(context_value),
        )
        return ExecutionResult(told.data, [present(error) for error in told.errors] if told.errors else None)

    async def answers(
        self, query: str, variables: dict[str, Any] | None, context: Any, name: str | None
    ) -> AsyncGenerator[ExecutionResult, None]:
        """The answers to any operation: one, or of a subscription one after the other. An error that ends it is the last."""
        try:
            pay(context, self._documents.cost_of_reading(query))
        except ApiError as refused:
            yield ExecutionResult(None, [present(GraphQLError(refused.message, original_error=refused))])
            return
        prepared = self._documents.prepare(query)
        document, kind = prepared.document, prepared.kind_of(name)
        if document is None or prepared.errors or kind is None:
            unnamed = bad_input("name the operation to run: operationName, or one operation alone")
            errors = prepared.errors or (GraphQLError(unnamed.message, original_error=unnamed),)
            yield ExecutionResult(None, [present(error) for error in errors])
        elif kind != OperationType.SUBSCRIPTION.value:
            yield await self.execute(query, variables, context, operation_name=name)
        else:
            async with aclosing(
                self._followed(query, document, variables, context, name, prepared.refusal(context))
            ) as answers:
                async for told in answers:
                    yield ExecutionResult(told.data, [present(error) for error in told.errors] if told.errors else None)

    async def _followed(
        self,
        query: str,
        document: DocumentNode,
        variables: dict[str, Any] | None,
        context: Any,
        name: str | None,
        refused: Refusal | None,
    ) -> AsyncGenerator[graphql.ExecutionResult, None]:
        executor = self.execution_context_class.build(
            self._schema, document, None, context, variables, name, max_coercion_errors=MAX_COERCION_ERRORS
        )
        if isinstance(executor, list):
            yield graphql.ExecutionResult(None, executor)
            return
        if refused is not None and (error := refused(executor.operation, executor.variable_values.coerced)) is not None:
            yield graphql.ExecutionResult(None, [error])
            return
        source: Any = create_source_event_stream(executor)
        source = await source if isawaitable(source) else source
        if isinstance(source, graphql.ExecutionResult):
            yield source
            return
        try:
            async with aclosing(source) as events:
                async for event in events:
                    each = executor.build_per_event_executor(event)
                    if self._compiled is not None:
                        yield await self._compiled.run(query, document, each)
                    else:
                        told: Any = each.execute_operation()
                        yield await told if isawaitable(told) else told
        except Exception as error:
            yield graphql.ExecutionResult(None, [located_error(error)])

    @property
    def documents(self) -> Documents:
        """What was read of late, and what it costs."""
        return self._documents

    def is_query(self, query: str, name: str | None) -> bool:
        """Whether a text that was executed asks, and changes nothing. `name`: of its operations."""
        return self.kind_of(query, name) == OperationType.QUERY.value

    def kind_of(self, query: str, name: str | None) -> str:
        """query, mutation or subscription; unread where the text is no document or does not say which of its operations is
        meant."""
        return self._documents.prepare(query).kind_of(name) or "unread"  # kept from when it was executed

    def is_document(self, text: str) -> bool:
        """Whether a text has no error of syntax."""
        return self._documents.prepare(text).document is not None

    def errors_of(self, text: str) -> tuple[GraphQLError, ...]:
        """Why a document would not be run."""
        return self._documents.prepare(text).errors

    def note_finished(self, text: str, name: str | None, seconds: float) -> None:
        """A query was answered with what was finished before."""

    def note_fallback(self, reason: Reason) -> None:
        """An operation was run by graphql-core, for this reason."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing: `schema.errors.present` logs what was not foreseen, once and short."""


def _resolve_plainly(field: GraphQLField) -> None:
    """Lets a field without arguments be read straight from its value. Strawberry's way there converts arguments and wraps
    what the resolver is told: a third of the time of a large answer, for nothing."""
    said = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(said, StrawberryField) or field.args or said.is_async or said.python_name is None:
        return
    read: Callable[[Any], Any]
    if said.base_resolver is None:
        read = attrgetter(said.python_name)
    elif said.base_resolver.info_parameter is None:
        read = cast(Callable[[Any], Any], said.base_resolver.wrapped_func)
    else:
        return
    field.resolve = lambda value, info: read(value)


@cache
def schema() -> LineageSchema:
    """The schema with the usual limits."""
    return LineageSchema()
