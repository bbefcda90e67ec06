"""The whole application in this process, behind an HTTP client: real routes, real writer, real store in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette

from api.app import create_app
from api.settings import Settings

BASE = "http://127.0.0.1:8000"


@asynccontextmanager
async def service(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with these settings, over a store of its own in memory."""
    async with serving(create_app(Settings(**({"backend": "memory://"} | settings)))) as client:
        yield client


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application while it runs."""
    async with app.router.lifespan_context(app) as state:
        # A server copies the lifespan's state into each request's scope; httpx's transport knows no lifespan.
        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await app(scope | {"state": dict(state or {})}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(with_state), base_url=BASE) as client:
            yield client
