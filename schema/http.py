"""GraphQL over HTTP: reads a request, runs it, answers with the status that says how it went. No page, no sockets."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import orjson
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from schema.context import Context
from schema.errors import ApiError, Code, bad_input
from schema.finished import Finished, Key, Recorder, key_of
from schema.service import LineageSchema

GRAPHQL_JSON = "application/graphql-response+json"
MAX_BODY = 1 << 20
"""Bytes of a request: a document of 64 KiB and its variables, such as a thousand entities."""

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


class Posed(NamedTuple):
    """A request as GraphQL has it."""

    query: str
    variables: dict[str, Any] | None
    operation: str | None
    operations: frozenset[OperationType]


class HttpError(Exception):
    """A request that is none of GraphQL's."""

    def __init__(self, status: int, error: ApiError, **headers: str) -> None:
        super().__init__(error.message)
        self.status, self.error, self.headers = status, error, headers


class GraphQLApp:
    """An ASGI application for one address. `context_of` makes the context of each request."""

    def __init__(
        self,
        schema: LineageSchema,
        context_of: Callable[[Request], Awaitable[Context]],
        *,
        max_body: int = MAX_BODY,
    ) -> None:
        self._schema, self._context_of, self._max_body = schema, context_of, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except HttpError as refusal:
            errors = [{"message": refusal.error.message, "extensions": {"code": refusal.error.code, **refusal.error.more}}]
            response = _respond({"errors": errors}, refusal.status, "application/json", refusal.headers)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        media = _media(request)
        posed = await self._read(request)
        context = await self._context_of(request)
        recorder, key = Recorder(context.backend), None
        if context.finished is not None:
            began = time.perf_counter()
            key = key_of(posed.query, posed.variables, posed.operation)
            body = await _finished(context, context.finished, key, recorder)
            if body is not None:
                self._schema.note_finished(time.perf_counter() - began)
                return _sent(body, 200, media, {})
            context.backend = recorder
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
        said: dict[str, Any] = {}
        if result.errors:
            said["errors"] = [error.formatted for error in result.errors]
        failed = result.data is None and bool(result.errors)
        if not failed:
            said["data"] = result.data
        text = _to_json(said)
        if (
            context.finished is not None
            and context.is_replayable
            and not result.errors
            and self._schema.is_query(posed.query, posed.operation)
        ):
            context.finished.put(key, text, recorder)
        return _sent(text, _status(result.errors or [], media) if failed else 200, media, {})

    async def _read(self, request: Request) -> Posed:
        """What a request asks. Raises `HttpError`."""
        if request.method == "GET":
            parameters = request.query_params
            posed: Mapping[str, Any] = {**parameters}
            if "variables" in parameters:
                posed = {**posed, "variables": _parse(parameters["variables"].encode(errors="replace"), "variables")}
            return _posed(posed, frozenset({OperationType.QUERY}))
        if request.method != "POST":
            raise HttpError(405, bad_input("GraphQL is asked with POST, or GET for queries"), Allow="GET, POST")
        kind, _, charset = request.headers.get("content-type", "").partition(";")
        if kind.strip().lower() != "application/json" or ("charset" in charset.lower() and "utf-8" not in charset.lower()):
            raise HttpError(415, bad_input("the body is application/json in UTF-8"))
        posed = _parse(await self._body(request), "the body")
        if not isinstance(posed, dict):
            raise HttpError(400, bad_input("the body is one JSON object: query, variables, operationName"))
        return _posed(posed, frozenset({OperationType.QUERY, OperationType.MUTATION}))

    async def _body(self, request: Request) -> bytes:
        too_large = ApiError(Code.TOO_LARGE, f"the body has more than {self._max_body:,} bytes")
        size = request.headers.get("content-length", "")
        if size.isdecimal() and int(size) > self._max_body:
            raise HttpError(413, too_large)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._max_body:
                raise HttpError(413, too_large)
        return bytes(body)


def _media(request: Request) -> str:
    """How the answer is sent. Raises `HttpError` 406 where the client takes neither way."""
    accept = request.headers.get("accept", "*/*").lower()
    if GRAPHQL_JSON in accept:
        return GRAPHQL_JSON
    if any(each in accept for each in ("application/json", "application/*", "*/*")) or not accept.strip():
        return "application/json"
    raise HttpError(406, bad_input(f"answers are {GRAPHQL_JSON} or application/json"))


def _parse(text: bytes, what: str) -> Any:
    """JSON, strictly; from Python's parser where text holds half of a surrogate pair, for the field it is in to refuse."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise HttpError(400, bad_input(f"{what} is not JSON in UTF-8")) from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _posed(given: Mapping[str, Any], operations: frozenset[OperationType]) -> Posed:
    query, variables, operation = given.get("query"), given.get("variables"), given.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise HttpError(400, bad_input("`query` is the text of a GraphQL document"))
    if variables is not None and not isinstance(variables, dict):
        raise HttpError(400, bad_input("`variables` is an object"))
    if operation is not None and not isinstance(operation, str):
        raise HttpError(400, bad_input("`operationName` is a string"))
    extensions = given.get("extensions")
    if extensions is not None and not isinstance(extensions, dict | str):
        raise HttpError(400, bad_input("`extensions` is an object"))
    return Posed(query, variables, operation or None, operations)


def _status(errors: list[GraphQLError], media: str) -> int:
    """The status of an answer without data."""
    code = (errors[0].extensions or {}).get("code") if errors else None
    if code in _STATUS:
        return _STATUS[Code(code)]
    return 400 if media == GRAPHQL_JSON else 200


async def _finished(context: Context, finished: Finished, key: Key | None, recorder: Recorder) -> bytes | None:
    """The bytes of an answer that still holds, if there are any in time."""
    try:
        async with context.time_left():
            return await finished.get(key, recorder)
    except TimeoutError:
        return None  # and so says whatever is tried next


def _respond(body: Mapping[str, Any], status: int, media: str, headers: Mapping[str, str]) -> Response:
    return _sent(_to_json(body), status, media, headers)


def _sent(text: bytes, status: int, media: str, headers: Mapping[str, str]) -> Response:
    return Response(text, status, headers, f"{media}; charset=utf-8" if media == GRAPHQL_JSON else media)


def _to_json(value: Any) -> bytes:
    """JSON text. What UTF-8 or 64 bits cannot hold goes the slow way."""
    try:
        return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:
        return json.dumps(value, allow_nan=False, default=str).encode()
