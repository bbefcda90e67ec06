"""GraphQL over this service: each request's context, and what Prometheus is told of each operation."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from api.body import BodyInTime
from api.metrics import Metrics, Names
from api.remembering import note_bypass
from api.settings import Settings
from api.trusted import texts_of
from schema.context import Context, Costs
from schema.cost.budgets import Budgets, client_of
from schema.execute.reading import Reason
from schema.finished import Finished
from schema.http.app import GraphQLApp
from schema.http.events import Events
from schema.http.sockets import Admit, Sockets
from schema.http.statuses import Statuses
from schema.http.streams import Streams
from schema.observed import Observed, ObservedSchema

if TYPE_CHECKING:
    from api.spans import Tracing


def costs_of(settings: Settings) -> Costs:
    """What one request may cost."""
    return Costs(max_nodes=settings.max_nodes, max_cost=settings.max_cost, seconds=settings.query_seconds)


def graphql_app(
    settings: Settings,
    metrics: Metrics,
    finished: Finished | None,
    streams: Streams,
    admit: Admit,
    tracing: "Tracing | None" = None,
) -> ASGIApp:
    """What answers at /graphql. The store and the writer come with each request's state; `admit` lets sockets in. Raises
    `BadSetting`."""
    costs = costs_of(settings)
    budgets = Budgets(settings.client_cost, settings.client_cost_per_second) if settings.client_cost else None

    async def context_of(scope: Scope, headers: Mapping[bytes, bytes]) -> Context:
        if tracing is not None and scope["type"] == "websocket":
            tracing.over_socket(scope)
        passes = note_bypass(headers)
        state = scope["state"]
        said = None if passes else finished
        # All hold the one key there is, so clients are told apart by their address.
        budget = budgets.of(client_of(scope.get("client"))) if budgets is not None else None
        return Context(
            state["backend"],
            state["writer"],
            costs,
            finished=said,
            views=state["views"],
            live=state["live"],
            budget=budget,
        )

    names = Names(settings.operation_names)

    def count(operation: Observed) -> None:
        # with a manifest the names in it are those that dashboards know, and no client can take their places
        trusted = settings.documents_file is None or texts.is_trusted(operation.text)
        metrics.operated(operation.kind, names.label(operation.name, trusted=trusted), operation.seconds)
        if tracing is not None:
            tracing.operated(operation)
        for code in operation.codes:
            metrics.operation_errors.labels(code).inc()

    fallbacks = {reason: metrics.fallbacks.labels(reason.value) for reason in Reason}
    schema = ObservedSchema(count, lambda reason: fallbacks[reason].inc())
    texts = texts_of(settings, schema, metrics)
    app = GraphQLApp(
        schema,
        context_of,
        max_body=settings.max_query_bytes,
        texts=texts,
        statuses=Statuses(settings.status_codes),
        events=Events(schema, context_of, streams),
    )
    requests = BodyInTime(app, settings.body_seconds)
    sockets = Sockets(schema, context_of, admit, streams, texts)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await (requests if scope["type"] == "http" else sockets)(scope, receive, send)

    return serve
