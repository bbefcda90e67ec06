"""GraphQL as server-sent events, in the mode of graphql-sse that has a connection for each operation: `Accept:
text/event-stream`, each answer an event `next`, and `complete` at the end."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Final, Literal

from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from strawberry.types.execution import ExecutionResult
from strawberry.types.graphql import OperationType

from schema.errors import ApiError, bad_input, present
from schema.http.leaving import Left
from schema.http.requests import GRAPHQL_JSON, JSON, LONGEST, HttpError, Posed, to_json, weights
from schema.http.streams import ContextOf, Streams, told
from schema.service import LineageSchema

EVENT_STREAM: Final = "text/event-stream"
ALIVE: Final = b":\n\n"
COMPLETE: Final = b"event: complete\ndata:\n\n"
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # else a proxy waits until it has enough to pass on
]


class Events:
    """Answers requests that want events."""

    def __init__(self, schema: LineageSchema, context_of: ContextOf, streams: Streams) -> None:
        self._schema, self._context_of, self._streams = schema, context_of, streams

    @staticmethod
    def taken(accept: bytes) -> Literal["first", "too"] | None:
        """Whether a client takes events, rather than JSON or as gladly."""
        if b"event-stream" not in accept:
            return None
        taken = weights(accept[:LONGEST])
        events, json = taken.get(EVENT_STREAM, 0.0), max(taken.get(JSON, 0.0), taken.get(GRAPHQL_JSON, 0.0))
        if events <= 0 or events < json:
            return None
        return "first" if events > json else "too"

    async def serve(
        self, scope: Scope, headers: Mapping[bytes, bytes], posed: Posed | ApiError, receive: Receive, send: Send
    ) -> None:
        """Tells events until the operation ends or the client leaves. Raises `HttpError` before the first, `Left`."""
        try:
            self._streams.check()
        except ApiError as full:
            raise HttpError(503, full, **{"Retry-After": "5"}) from None
        if isinstance(posed, ApiError):
            answers = _only(posed)
        else:
            kind = self._schema.kind_of(posed.query, posed.operation)
            if kind == OperationType.MUTATION.value and OperationType.MUTATION not in posed.operations:
                raise HttpError(405, bad_input("a mutation is sent with POST"), Allow="POST")
            context = await self._context_of(scope, headers)
            answers = self._schema.answers(posed.query, posed.variables, context, posed.operation)
        scope["state"]["lasting"] = True
        with self._streams.entered("sse"):
            try:
                await self._tell(answers, receive, send)
            except asyncio.CancelledError:
                if not self._streams.is_goodbye():
                    raise
                await self._say(send, b"", more=False)  # without `complete`, so that the client comes again

    async def _tell(self, answers: AsyncGenerator[ExecutionResult, None], receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        gone = asyncio.create_task(_gone(receive))
        following: asyncio.Task[ExecutionResult | None] | None = None
        try:
            await self._say(send, ALIVE)  # so that the client knows that it is taken
            while True:
                following = asyncio.create_task(_next(answers))
                while not following.done():
                    done, _ = await asyncio.wait(
                        {following, gone}, timeout=self._streams.bounds.alive, return_when=asyncio.FIRST_COMPLETED
                    )
                    if gone in done:
                        return
                    if not done:
                        await self._say(send, ALIVE)
                answer = following.result()
                if answer is None:
                    break
                await self._say(send, b"event: next\ndata: " + to_json(told(answer)) + b"\n\n")
            await self._say(send, COMPLETE, more=False)
        finally:
            tasks = [gone] if following is None else [gone, following]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await answers.aclose()

    async def _say(self, send: Send, body: bytes, *, more: bool = True) -> None:
        """Sends a piece. Raises `Left` for a client that does not take it in time; the server drops the connection."""
        try:
            async with asyncio.timeout(self._streams.bounds.send):
                await send({"type": "http.response.body", "body": body, "more_body": more})
        except TimeoutError:
            raise Left from None


async def _gone(receive: Receive) -> None:
    """Returns when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _next(answers: AsyncGenerator[ExecutionResult, None]) -> ExecutionResult | None:
    try:
        return await anext(answers)
    except StopAsyncIteration:
        return None


async def _only(error: ApiError) -> AsyncGenerator[ExecutionResult, None]:
    """One answer that is an error."""
    yield ExecutionResult(None, [present(GraphQLError(error.message, original_error=error))])
