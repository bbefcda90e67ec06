"""GraphQL over this service: each request's context, and what Prometheus is told of each operation."""

import time
from typing import Any

from graphql import get_operation_ast
from starlette.requests import Request
from strawberry.types.execution import ExecutionResult

from api.body import BodyInTime
from api.metrics import Metrics
from api.settings import Settings
from schema.context import Context, Costs
from schema.http import GraphQLApp
from schema.service import LineageSchema


def graphql_app(settings: Settings, metrics: Metrics) -> BodyInTime:
    """What answers at /graphql. The store and the writer come with each request's state."""
    costs = Costs(max_nodes=settings.max_nodes, seconds=settings.query_seconds)

    async def context_of(request: Request) -> Context:
        return Context(request.state.backend, request.state.writer, costs)

    app = GraphQLApp(MeteredSchema(metrics), context_of, max_body=settings.max_query_bytes)
    return BodyInTime(app, settings.body_seconds)


class MeteredSchema(LineageSchema):
    """The schema, with its operations counted by type and its errors by code; never by names, which are the client's."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._metrics = metrics

    async def execute(self, query: str | None, *args: Any, **options: Any) -> ExecutionResult:
        start = time.perf_counter()
        kind = "unread"
        try:
            result = await super().execute(query, *args, **options)
            kind = self._kind(query or "", options.get("operation_name"))
            for error in result.errors or ():
                self._metrics.operation_errors.labels((error.extensions or {}).get("code", "unknown")).inc()
            return result
        finally:
            self._metrics.operations.labels(kind).inc()
            self._metrics.operation_seconds.labels(kind).observe(time.perf_counter() - start)

    def _kind(self, query: str, name: str | None) -> str:
        """query or mutation; unread where the text is no document, or does not say which of its operations is meant."""
        document = self._documents.prepare(query).document  # kept from when it was executed
        operation = get_operation_ast(document, name) if document is not None else None
        return operation.operation.value if operation is not None else "unread"
