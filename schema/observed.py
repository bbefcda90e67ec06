"""The schema, with someone told of each operation: what it was, how it ended, how long it took."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final, NamedTuple

from graphql import get_operation_ast
from strawberry.types.execution import ExecutionResult

from schema.execute.reading import Reason
from schema.service import RUN, LineageSchema

UNREAD: Final = "unread"


class Observed(NamedTuple):
    """One operation as it ended. `kind` is query, mutation or subscription, or unread where the text is no document or does
    not say which of its operations is meant; `codes` are those of its errors. `name`, empty where it has none, and `text`
    are the client's to choose."""

    kind: str
    name: str
    text: str
    codes: tuple[str, ...]
    seconds: float


class ObservedSchema(LineageSchema):
    """Calls `observe` after each operation, `fell_back` for each that graphql-core ran."""

    def __init__(self, observe: Callable[[Observed], None], fell_back: Callable[[Reason], None]) -> None:
        super().__init__()
        self._observe, self._fell_back = observe, fell_back

    async def execute(self, query: str | None, *args: Any, **options: Any) -> ExecutionResult:
        start = time.perf_counter()
        codes: tuple[str, ...] | None = None
        try:
            result = await super().execute(query, *args, **options)
            codes = tuple((error.extensions or {}).get("code", "unknown") for error in result.errors or ())
            return result
        finally:
            text = query or ""
            kind, name = (UNREAD, "") if codes is None else self._which(text, options.get("operation_name"))
            self._observe(Observed(kind, name, text, codes or (), time.perf_counter() - start))

    async def answers(
        self, query: str, variables: dict[str, Any] | None, context: Any, name: str | None
    ) -> AsyncGenerator[ExecutionResult, None]:
        """As ever. A subscription is told of at its end, with the time that its first answer took."""
        start = time.perf_counter()
        seconds: float | None = None
        codes: dict[str, None] = {}
        kind, named = self._which(query, name)
        is_told = kind in RUN and not self.errors_of(query)  # by `execute`
        try:
            async with aclosing(super().answers(query, variables, context, name)) as answers:
                async for answer in answers:
                    seconds = seconds or time.perf_counter() - start
                    codes |= dict.fromkeys((error.extensions or {}).get("code", "unknown") for error in answer.errors or ())
                    yield answer
        finally:
            if not is_told:
                self._observe(Observed(kind, named, query, tuple(codes), seconds or time.perf_counter() - start))

    def _which(self, text: str, name: str | None) -> tuple[str, str]:
        """The kind of an operation, and its name."""
        document = self._documents.prepare(text).document  # kept from when it was executed
        operation = get_operation_ast(document, name) if document is not None else None
        if operation is None:
            return UNREAD, ""
        return operation.operation.value, operation.name.value if operation.name is not None else ""

    def note_fallback(self, reason: Reason) -> None:
        self._fell_back(reason)

    def note_finished(self, text: str, name: str | None, seconds: float) -> None:
        self._observe(Observed(*self._which(text, name), text, (), seconds))
