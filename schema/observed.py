"""The schema, with someone told of each operation: what kind it was, how it ended, how long it took."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from strawberry.types.execution import ExecutionResult

from schema.execute.reading import Reason
from schema.service import LineageSchema


class Observed(NamedTuple):
    """One operation as it ended. `kind` is query or mutation, or unread where the text is no document or does not say
    which of its operations is meant; `codes` are those of its errors. Nothing in it is the client's to choose."""

    kind: str
    codes: tuple[str, ...]
    seconds: float


class ObservedSchema(LineageSchema):
    """Calls `observe` after each operation, `fell_back` for each that graphql-core ran."""

    def __init__(self, observe: Callable[[Observed], None], fell_back: Callable[[Reason], None]) -> None:
        super().__init__()
        self._observe, self._fell_back = observe, fell_back

    async def execute(self, query: str | None, *args: Any, **options: Any) -> ExecutionResult:
        start = time.perf_counter()
        kind, codes = "unread", ()
        try:
            result = await super().execute(query, *args, **options)
            kind = self.kind_of(query or "", options.get("operation_name"))
            codes = tuple((error.extensions or {}).get("code", "unknown") for error in result.errors or ())
            return result
        finally:
            self._observe(Observed(kind, codes, time.perf_counter() - start))

    def note_fallback(self, reason: Reason) -> None:
        self._fell_back(reason)

    def note_finished(self, seconds: float) -> None:
        self._observe(Observed("query", (), seconds))
