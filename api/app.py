"""The application: what answers at which address, and what it holds while it runs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api import demo, pages
from api.auth import Authenticator, Guard
from api.graphiql import WithGraphiQL
from api.graphql import costs_of, graphql_app
from api.health import Health, livez, readyz
from api.live import Watched, following, streams_of
from api.logs import log
from api.metrics import MeteredBackend, Metrics
from api.middleware import Observe
from api.openlineage import BATCH, Intake, post_batch, post_event
from api.origins import across_origins
from api.problems import Problem, json_response
from api.remembering import finished_of, remembered, views_over
from api.settings import Settings
from api.upkeep import DAY, upkeep
from api.writer import Writer
from backends.registry import open_backend

if TYPE_CHECKING:
    from api.spans import Tracing

GRAPHQL = "/graphql"
ROUTES = (
    Route("/", pages.index),
    Route("/livez", livez),
    Route("/readyz", readyz),
    Route("/healthz", readyz),
    Route("/metrics", pages.metrics),
    Route("/api/v1/lineage", post_event, methods=["POST"]),
    Route(BATCH, post_batch, methods=["POST"]),
)


def create_app(
    settings: Settings, say: Callable[[str], object] = lambda _: None, tracing: "Tracing | None" = None
) -> Starlette:
    """The service over these settings. Its lifespan opens the store, and `say` is told in words what that does. `tracing`
    makes spans, if there is one, and is closed with the service.

    Each request finds in its state: `settings`, `backend`, `writer`, `views`, `live`, `intake`, `metrics`,
    `health`, `request_id` and, but for health, `principal`."""
    metrics, health, finished, streams = Metrics(), Health(), finished_of(settings), streams_of(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        opened = open_backend(settings.backend)
        store = MeteredBackend(opened, metrics) if tracing is None else tracing.store(opened, metrics)
        async with remembered(store, settings, metrics.registry, finished) as backend:
            live = following(backend, settings, costs_of(settings))
            metrics.registry.register(Watched(live, streams))
            writer = Writer(backend, sealed_after=settings.seal_runs_days * DAY, written=live.wake)
            if settings.demo:
                await demo.load_into_empty(backend, writer, settings.ingest_concurrency, say=say)
            log(logging.INFO, "service.opened", backend=backend.capabilities.name)
            intake = Intake(writer, metrics, settings.max_pending_events)
            keeping = asyncio.create_task(upkeep(writer, settings.keep_runs_days))
            try:
                async with views_over(backend, costs_of(settings)) as views, live:
                    yield {
                        "settings": settings,
                        "backend": backend,
                        "writer": writer,
                        "views": views,
                        "live": live,
                        "intake": intake,
                        "metrics": metrics,
                        "health": health,
                    }
            finally:
                keeping.cancel()
                await asyncio.wait([keeping])
        if tracing is not None:
            await tracing.close()
        log(logging.INFO, "service.closed")

    app = Application(
        routes=[route for given in ROUTES for route in _with_slash(given)],
        exception_handlers={Problem: _answer_problem, HTTPException: _answer_http},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.health, app.state.streams = health, streams
    authenticator = Authenticator(settings.token, settings.allowed_origins)
    graphql = graphql_app(settings, metrics, finished, streams, authenticator.admit, tracing)
    guard: ASGIApp = Guard(app.routed(graphql), authenticator)
    outer = WithGraphiQL(guard) if settings.graphiql else guard
    paths = frozenset({GRAPHQL, *(route.path for route in ROUTES)})
    app.around = Observe(outer, metrics=metrics, routes=paths, max_requests=settings.max_requests)
    if tracing is not None:
        app.around = tracing.requests(app.around, paths)
    if settings.allowed_origins:
        app.around = across_origins(app.around, settings.allowed_origins)
    return app


class Application(Starlette):
    """Starlette's, with ours around it and GraphQL beside it: what routing costs is a good part of a small answer."""

    around: ASGIApp

    def build_middleware_stack(self) -> ASGIApp:
        """Without the one that answers faults with a page; `Observe` does that."""
        return ExceptionMiddleware(self.router, handlers=self.exception_handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self.around(scope, receive, send)

    def routed(self, graphql: ASGIApp) -> ASGIApp:
        """Everything but the middleware."""
        rest = super().__call__

        async def route(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan" or scope["path"] not in (GRAPHQL, f"{GRAPHQL}/"):
                await rest(scope, receive, send)
                return
            try:
                await graphql(scope, receive, send)
            except Problem as problem:
                refused = {"message": problem.message, "extensions": {"code": problem.code}}
                await json_response({"errors": [refused]}, problem.status, problem.headers)(scope, receive, send)

        return route


def _with_slash(route: Route) -> list[Route]:
    """The route, and it with a slash at its end: clients join addresses by hand, and a redirect loses a POST's body."""
    if route.path == "/":
        return [route]
    return [route, Route(f"{route.path}/", route.endpoint, methods=route.methods)]


async def _answer_problem(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return problem.response()


async def _answer_http(request: Request, refusal: Exception) -> Response:
    """What Starlette refuses: no such address, no such method there."""
    assert isinstance(refusal, HTTPException)
    code, words = "BAD_INPUT", refusal.detail
    if refusal.status_code == 404:
        code, words = "NOT_FOUND", "there is nothing at this address; / lists what there is"
        if request.url.path.count("/api/v1/lineage") > 1:
            words = "this address has /api/v1/lineage twice: clients add it to OPENLINEAGE_URL themselves"
    elif refusal.status_code == 405:
        allowed = (refusal.headers or {}).get("Allow", "another method")
        words = f"this address is asked with {allowed}, not with {request.method}"
    return Problem(refusal.status_code, code, words, headers=refusal.headers).response()
