"""Runs operations: by the plan where there is one, by graphql-core where not, or where something goes wrong."""

import asyncio
from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import Any, NamedTuple, TypeAlias, cast

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLResolveInfo,
    MiddlewareManager,
    OperationDefinitionNode,
    OperationType,
    get_argument_values,
)
from graphql.execution import Executor
from graphql.pyutils import Path

from schema.execute.plan import Arguments, Plan, Plans, Root, Schema
from schema.execute.reading import Reason, Unsupported
from schema.selection import Document


class _Outcome(NamedTuple):
    """What a root field gave; an exception is what it raised."""

    value: Any
    awaited: bool

    def told(self) -> Any:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value

    async def told_later(self) -> Any:
        return self.told()


MAX_COERCION_ERRORS = 19
"""Wrong values of variables that are told, and one more that says there are others."""
Refusal: TypeAlias = Callable[[OperationDefinitionNode, Mapping[str, Any]], GraphQLError | None]
Outcomes: TypeAlias = dict[str | int, _Outcome]


class Compiled:
    """The executor of one schema. `fell_back` is called with the reason whenever graphql-core ran an operation."""

    def __init__(self, schema: strawberry.Schema, fell_back: Callable[[Reason], None]) -> None:
        core = schema._schema
        self._core, self._class, self._fell_back = core, schema.execution_context_class, fell_back
        self._plans = Plans(Schema(core, schema.config, schema.schema_converter.scalar_registry))

    async def execute(
        self,
        text: str,
        document: DocumentNode,
        context: Any,
        variables: dict[str, Any] | None,
        name: str | None,
        refused: Refusal | None = None,
    ) -> ExecutionResult:
        """The answer to the operation `name` of a document that was validated, as graphql-core would give it. `text` is what
        the document was read from. `refused` may say why the operation is not run, once its variables are known."""
        most = MAX_COERCION_ERRORS
        executor = self._class.build(self._core, document, None, context, variables, name, max_coercion_errors=most)
        if isinstance(executor, list):
            self._fell_back(Reason.ERROR)
            return ExecutionResult(None, executor)
        if refused is not None and (error := refused(executor.operation, executor.variable_values.coerced)) is not None:
            return ExecutionResult(None, [error])
        return await self.run(text, document, executor)

    async def run(self, text: str, document: DocumentNode, executor: Executor[Any]) -> ExecutionResult:
        """The same, of an operation whose variables were read."""
        outcomes: Outcomes = {}
        try:
            plan = self._plans.plan(text, document, _document(executor))
            if isinstance(plan, Plan):
                data = await _run(plan, executor, outcomes)
                # The executor's own methods: it and all that was read would stay with them until the collector's turn.
                del executor.async_helpers
                return ExecutionResult(data, None)
            reason = plan
        except Unsupported as refused:
            reason = refused.reason
        except Exception:
            reason = Reason.ERROR
        self._fell_back(reason)
        return await _carefully(executor, outcomes)


def _document(executor: Executor[Any]) -> Document:
    return Document(executor.schema, executor.operation, executor.fragment_definitions, executor.variable_values)


async def _run(plan: Plan, executor: Executor[Any], outcomes: Outcomes) -> dict[str, Any]:
    """The data. `outcomes` gets what each root field gave, or raised. Raises whatever goes wrong."""
    below = Arguments(plan, executor.variable_values)
    # all arguments before any field is run: what is wrong with one is found while nothing has happened
    fields = [(root, _arguments(root, executor)) for root in plan.roots if root.field is not None]
    data: dict[str, Any] = {}
    if executor.operation.operation is OperationType.MUTATION:  # one after the other, each told before the next begins
        for root, given in fields:
            await _resolve(plan, root, given, executor, outcomes)
            data[root.key] = root.build(outcomes[root.key].told(), below)
    else:
        calls = [_resolve(plan, root, given, executor, outcomes) for root, given in fields]
        await (calls[0] if len(calls) == 1 else asyncio.gather(*calls))
        data = {root.key: root.build(outcomes[root.key].told(), below) for root, _ in fields}
    return {root.key: plan.kind.name if root.field is None else data[root.key] for root in plan.roots}


def _arguments(root: Root, executor: Executor[Any]) -> dict[str, Any]:
    assert root.field is not None
    return get_argument_values(root.field, root.nodes[0], executor.variable_values)


async def _resolve(plan: Plan, root: Root, given: dict[str, Any], executor: Executor[Any], outcomes: Outcomes) -> None:
    """Runs a root field and notes what came of it."""
    field = root.field
    assert field is not None
    info = executor.build_resolve_info(field, root.nodes, plan.kind, Path(None, root.key, plan.kind.name))
    awaited = False
    try:
        value = (field.resolve or executor.field_resolver)(executor.root_value, info, **given)
        if awaited := isawaitable(value):
            value = await value
    except Exception as error:
        value = error
    outcomes[root.key] = _Outcome(value, awaited)


async def _carefully(executor: Executor[Any], outcomes: Outcomes) -> ExecutionResult:
    """What graphql-core answers, where root fields that were run already are not run again."""

    def told(run: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        if info.path.prev is None and info.path.key in outcomes:
            outcome = outcomes[info.path.key]
            # as it came, for the order in which errors are told depends on that
            return outcome.told_later() if outcome.awaited else outcome.told()
        return run(source, info, **given)

    if outcomes:
        executor.middleware_manager = MiddlewareManager(told)
    result: Any = executor.execute_operation()
    return cast(ExecutionResult, await result if isawaitable(result) else result)
