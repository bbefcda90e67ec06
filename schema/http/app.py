"""GraphQL over HTTP: reads a request, runs it, answers with the status that says how it went. No page, no sockets.

An ASGI application without a framework: what it does besides running a query is a large part of a small answer.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from schema.context import Context
from schema.errors import ApiError, Code, bad_input
from schema.finished import Finished, Key, Recorder, key_of
from schema.http.leaving import Left, unless_left
from schema.http.requests import GRAPHQL_JSON, JSON, MAX_BODY, HttpError, Posed, headers_of, media_of, posed_of, to_json
from schema.http.sending import Answer, sent
from schema.service import LineageSchema

ContextOf: TypeAlias = Callable[[Scope, Mapping[bytes, bytes]], Awaitable[Context]]

_STATUS = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.TOO_LARGE: 413,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.TIMEOUT: 504,
}
"""Statuses of answers without data, by the code of the first error; others are 400, or 200 for clients that know only
`application/json`, as these take any other status for a failure of the way."""


class GraphQLApp:
    """An ASGI application for one address. `context_of` makes the context of each request from its scope and headers."""

    def __init__(self, schema: LineageSchema, context_of: ContextOf, *, max_body: int = MAX_BODY) -> None:
        self._schema, self._context_of, self._max_body = schema, context_of, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        try:
            answer = await self._answer(scope, headers, receive)
        except HttpError as refusal:
            errors = [{"message": refusal.error.message, "extensions": {"code": refusal.error.code, **refusal.error.more}}]
            answer = Answer(refusal.status, JSON, to_json({"errors": errors}), refusal.headers)
        except Left:
            return
        status, given, body = await sent(answer, scope["method"], headers)
        await send({"type": "http.response.start", "status": status, "headers": given})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        media = media_of(headers.get(b"accept", b"*/*"))
        posed = await posed_of(scope, headers, receive, self._max_body)
        context = await self._context_of(scope, headers)
        recorder, key = Recorder(context.backend), None
        if context.finished is not None:
            began = time.perf_counter()
            key = key_of(posed.query, posed.variables, posed.operation)
            body = await _finished(context, context.finished, key, recorder)
            if body is not None:
                self._schema.note_finished(time.perf_counter() - began)
                return Answer(200, media, body)
            context.backend = recorder
        async with unless_left(receive, lambda: self._schema.is_query(posed.query, posed.operation)):
            errors, data = await self._run(posed, context)
        said: dict[str, Any] = {}
        if errors:
            said["errors"] = [error.formatted for error in errors]
        failed = data is None and bool(errors)
        if not failed:
            said["data"] = data
        body = to_json(said)
        if (
            context.finished is not None
            and context.is_replayable
            and not errors
            and self._schema.is_query(posed.query, posed.operation)
        ):
            context.finished.put(key, body, recorder)
        return Answer(_status(errors, media) if failed else 200, media, body)

    async def _run(self, posed: Posed, context: Context) -> tuple[list[GraphQLError], Any]:
        """The errors and the data. Raises `HttpError` for what is not run at all."""
        try:
            result = await self._schema.execute(
                posed.query,
                variable_values=posed.variables,
                operation_name=posed.operation,
                context_value=context,
                allowed_operation_types=posed.operations,
            )
        except InvalidOperationTypeError as refused:
            if refused.operation_type is OperationType.SUBSCRIPTION:
                raise HttpError(400, ApiError(Code.UNSUPPORTED, "there are no subscriptions yet")) from None
            raise HttpError(405, bad_input("a mutation is sent with POST"), Allow="POST") from None
        except (CannotGetOperationTypeError, MissingQueryError):
            raise HttpError(400, bad_input("name the operation to run: operationName, or one operation alone")) from None
        return list(result.errors or ()), result.data


def _status(errors: list[GraphQLError], media: str) -> int:
    """The status of an answer without data."""
    code = (errors[0].extensions or {}).get("code") if errors else None
    if code in _STATUS:
        return _STATUS[Code(code)]
    return 400 if media == GRAPHQL_JSON else 200


async def _finished(context: Context, finished: Finished, key: Key | None, recorder: Recorder) -> bytes | None:
    """The bytes of an answer that still holds, if there are any in time."""
    if not finished.has(key):
        return None
    body = await finished.at_once(key, recorder)
    if body is not None:
        return body
    try:
        async with context.time_left():
            return await finished.get(key, recorder)
    except TimeoutError:
        return None  # and so says whatever is tried next
