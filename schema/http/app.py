"""GraphQL over HTTP: reads a request, runs it, answers with the status that says how it went. No page, no sockets.

An ASGI application without a framework: what it does besides running a query is a large part of a small answer.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from schema.constant import is_constant
from schema.context import Context
from schema.cost.admission import pay, told_of
from schema.errors import ApiError, Code, bad_input, present
from schema.finished import Finished, Key, Recorder, key_of
from schema.http.documents import Texts
from schema.http.events import Events
from schema.http.leaving import Leaving, Left
from schema.http.requests import (
    GRAPHQL_JSON,
    JSON,
    MAX_BODY,
    HttpError,
    Malformed,
    Posed,
    headers_of,
    media_of,
    posed_of,
    to_json,
)
from schema.http.sending import Answer, sent
from schema.http.statuses import Statuses, status_of
from schema.service import LineageSchema

COST: Final = b"graphql-cost"
"""The header of a request that asks what it costs, whatever it says."""
ContextOf: TypeAlias = Callable[[Scope, Mapping[bytes, bytes]], Awaitable[Context]]


class GraphQLApp:
    """An ASGI application for one address. `context_of` makes the context of each request from its scope and headers."""

    def __init__(
        self,
        schema: LineageSchema,
        context_of: ContextOf,
        *,
        max_body: int = MAX_BODY,
        texts: Texts | None = None,
        statuses: Statuses = Statuses.AUDIT,
        events: Events | None = None,
    ) -> None:
        self._schema, self._context_of, self._max_body = schema, context_of, max_body
        self._texts, self._statuses, self._events = texts or Texts(), statuses, events
        self._leaving = Leaving()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        try:
            posed: Posed | ApiError | None = None
            if self._events is not None and (taken := Events.taken(headers.get(b"accept", b""))):
                posed = await self._posed(scope, headers, receive)
                # Clients that name all they take name events among them: those are for what cannot be answered at once.
                if taken == "first" or (isinstance(posed, Posed) and self._is_followed(posed)):
                    await self._events.serve(scope, headers, posed, receive, send)
                    return
            answer = await self._answer(scope, headers, receive, posed)
        except HttpError as refusal:
            answer = self._refused(refusal)
        except Left:
            return
        status, given, body = await sent(answer, scope["method"], headers)
        await send({"type": "http.response.start", "status": status, "headers": given})
        await send({"type": "http.response.body", "body": body})

    async def _posed(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> Posed | ApiError:
        """What is asked, or why its document is not run."""
        try:
            return await posed_of(scope, headers, receive, self._max_body, self._texts)
        except ApiError as refused:
            return refused

    def _is_followed(self, posed: Posed) -> bool:
        return self._schema.kind_of(posed.query, posed.operation) == OperationType.SUBSCRIPTION.value

    async def _answer(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, posed: Posed | ApiError | None
    ) -> Answer:
        """`posed`: where it was read before."""
        media = media_of(headers.get(b"accept", b"*/*"))
        if posed is None:
            posed = await self._posed(scope, headers, receive)
        if isinstance(posed, ApiError):
            return self._told(None, [present(GraphQLError(posed.message, original_error=posed))], media)
        context = await self._context_of(scope, headers)
        try:
            pay(context, self._schema.documents.cost_of_reading(posed.query))
        except ApiError as refused:
            raise HttpError(429, refused, **{"Retry-After": str(refused.more["retryAfter"])}) from None
        recorder, key = Recorder(context.backend), None
        if context.finished is not None:
            began = time.perf_counter()
            key = key_of(posed.query, posed.variables, posed.operation)
            body = await _finished(context, context.finished, key, recorder)
            if body is not None:
                self._schema.note_finished(posed.query, posed.operation, time.perf_counter() - began)
                return self._with_cost(Answer(200, media, body), headers, posed, context)
            context.backend = recorder
        with self._leaving.unless_left(receive, lambda: self._schema.is_query(posed.query, posed.operation)):
            errors, data = await self._run(posed, context)
        answer = self._told(data, errors, media, posed)
        if (
            context.finished is not None
            and context.is_replayable
            and not errors
            and self._schema.is_query(posed.query, posed.operation)
        ):
            document = self._schema.documents.prepare(posed.query).document
            constant = document is not None and not recorder.calls and is_constant(document, posed.operation)
            context.finished.put(key, answer.body, recorder, is_constant=constant)
        return self._with_cost(answer, headers, posed, context)

    def _with_cost(self, answer: Answer, headers: Mapping[bytes, bytes], posed: Posed, context: Context) -> Answer:
        """The answer, and what it cost where that is asked for: in its text, which may have been kept from before."""
        if COST not in headers:
            return answer
        cost = context.cost
        if cost is None:  # it was not run: it was ready, or it cannot be
            cost = self._schema.documents.cost_of(posed.query, posed.variables, posed.operation)
        if cost is None:
            return answer
        said = to_json({"cost": told_of(cost, context)})
        return answer._replace(body=b'%b,"extensions":%b}' % (answer.body[:-1], said))

    def _told(self, data: Any, errors: list[GraphQLError], media: str, posed: Posed | None = None) -> Answer:
        """An answer; `posed` where an operation was looked for."""
        ran = not errors or any(error.path is not None for error in errors)
        said: dict[str, Any] = {"errors": [error.formatted for error in errors]} if errors else {}
        if ran:
            said["data"] = data
        read = not errors or posed is None or self._schema.is_document(posed.query)
        status = status_of(self._statuses, media, errors, data=data is not None, ran=ran, read=read)
        wait = (errors[0].extensions or {}).get("retryAfter") if errors else None
        more = {} if wait is None else {"Retry-After": str(wait)}
        return Answer(status, self._media(status, media), to_json(said), more)

    def _refused(self, refusal: HttpError) -> Answer:
        """What is said to a request that is none of GraphQL's."""
        error = refusal.error
        body = to_json({"errors": [{"message": error.message, "extensions": {"code": error.code, **error.more}}]})
        status = 422 if self._statuses is Statuses.DRAFT_2026 and isinstance(refusal, Malformed) else refusal.status
        return Answer(status, self._media(status, JSON), body, refusal.headers)

    def _media(self, status: int, media: str) -> str:
        """The media type of an answer. In the draft, what went wrong says that it comes from GraphQL and from no one on the
        way, whatever the client takes."""
        return GRAPHQL_JSON if self._statuses is Statuses.DRAFT_2026 and status >= 300 else media

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
                words = "follow it over graphql-transport-ws, or with Accept: text/event-stream"
                raise HttpError(400, ApiError(Code.UNSUPPORTED, words)) from None
            raise HttpError(405, bad_input("a mutation is sent with POST"), Allow="POST") from None
        except (CannotGetOperationTypeError, MissingQueryError):
            raise Malformed(bad_input("name the operation to run: operationName, or one operation alone")) from None
        return list(result.errors or ()), result.data


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
