"""Is it alive, can it answer: for those who start, restart and route to it. Never through GraphQL, never with a key."""

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import Response

from api.logs import log
from api.problems import json_response
from backends.errors import BackendError

PING_SECONDS = 1.0


class Health:
    """`draining` is set once the service is told to stop: it still answers, but wants no new callers."""

    def __init__(self) -> None:
        self.draining = False


async def livez(request: Request) -> Response:
    """200 while the process runs its loop; says nothing of the store."""
    return json_response({"status": "alive"})


async def readyz(request: Request) -> Response:
    """200 when it can answer: not draining, and the store answers within a second. Else 503."""
    if request.state.health.draining:
        return json_response({"status": "draining"}, 503)
    try:
        async with asyncio.timeout(PING_SECONDS):
            await request.state.backend.ping()
    except (BackendError, TimeoutError) as failure:
        log(logging.WARNING, "readyz.failed", error=type(failure).__name__, detail=str(failure))
        return json_response({"status": "the store does not answer"}, 503)
    return json_response({"status": "ready"})
