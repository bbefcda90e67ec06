"""One operation run by both executors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

import strawberry
from graphql import ExecutionResult, parse, validate

from schema.execute.reading import Reason
from schema.execute.run import Compiled


@dataclass
class Both:
    """A schema, run by our executor and by graphql-core's. `reasons`: why ours gave up, an entry an operation."""

    schema: strawberry.Schema
    reasons: list[Reason] = field(default_factory=list)
    compiled: Compiled = field(init=False)

    def __post_init__(self) -> None:
        self.compiled = Compiled(self.schema, self.reasons.append)

    async def ours(self, text: str, context: Any, variables: Mapping[str, Any], name: str | None) -> Any:
        return told(await self.compiled.execute(text, parse(text), context, dict(variables), name))

    async def core(self, text: str, context: Any, variables: Mapping[str, Any], name: str | None) -> Any:
        schema = self.schema
        executor = schema.execution_context_class.build(schema._schema, parse(text), None, context, dict(variables), name)
        if isinstance(executor, list):
            return told(ExecutionResult(None, executor))
        result: Any = executor.execute_operation()
        return told(await result if isawaitable(result) else result)

    async def same(
        self, text: str, context: Any = None, variables: Mapping[str, Any] | None = None, name: str | None = None
    ) -> Any:
        """The answer, which is the same by both."""
        assert not validate(self.schema._schema, parse(text)), text
        theirs = await self.core(text, context, variables or {}, name)
        ours = await self.ours(text, context, variables or {}, name)
        assert ours == theirs, text
        again = await self.ours(text, context, variables or {}, name)
        assert again == theirs, text
        return json.loads(ours, parse_constant=lambda name: name)


def told(result: ExecutionResult) -> str:
    """The answer as text, so that the order of its keys counts."""
    errors = [error.formatted for error in result.errors or ()]
    return json.dumps({"data": result.data, "errors": errors}, default=repr)
