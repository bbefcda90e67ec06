"""What an HTTP request asks of GraphQL: its document, variables and operation, and how the answer is to be sent."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope
from strawberry.types.graphql import OperationType

from schema.errors import ApiError, Code, bad_input
from schema.http.documents import Texts
from schema.http.leaving import Left

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
MAX_BODY: Final = 1 << 20
"""Bytes of a request: a document of 64 KiB and its variables, such as a thousand entities."""
LONGEST: Final = 1_000
"""Bytes of a header that are looked at; longer ones are cut."""
_READ = frozenset({OperationType.QUERY})
_ANY = frozenset({OperationType.QUERY, OperationType.MUTATION})


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


class Malformed(HttpError):
    """A request that is JSON, but not what GraphQL asks with."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(400, error)


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """The headers by their names in lower case; what comes several times is one list, as HTTP has it. They are kept in the
    scope: several who are on the way of a request ask for them."""
    given = scope["headers"]
    kept: tuple[Any, dict[bytes, bytes]] | None = scope.get("headwater.headers")
    if kept is not None and kept[0] is given:
        return kept[1]
    found: dict[bytes, bytes] = {}
    for name, value in given:
        found[name] = found[name] + b", " + value if name in found else value
    scope["headwater.headers"] = (given, found)
    return found


def media_of(accept: bytes) -> str:
    """How the answer is sent. Raises `HttpError` 406 where the client takes neither way."""
    media = _preferred(accept[:LONGEST])
    if media is None:
        raise HttpError(406, bad_input(f"answers are {GRAPHQL_JSON} or {JSON}"))
    return media


@lru_cache(256)
def _preferred(accept: bytes) -> str | None:
    """The media type with the greatest weight. Where both are alike it is the older one, unless only the newer is named."""
    taken = weights(accept)
    if not any(taken):
        return JSON  # an empty header says nothing
    anything = taken.get("application/*", taken.get("*/*", 0.0))
    modern, plain = taken.get(GRAPHQL_JSON, anything), taken.get(JSON, anything)
    if modern <= 0 >= plain:
        return None
    return GRAPHQL_JSON if modern > plain or (modern == plain and GRAPHQL_JSON in taken) else JSON


def weights(header: bytes) -> dict[str, float]:
    """What a header such as Accept names, in lower case, with the weights from 0 to 1; those that are none are 0."""
    found: dict[str, float] = {}
    for part in header.decode("latin-1").lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            found[name] = float(weight)
        except ValueError:
            found[name] = 0.0
    return found


async def posed_of(scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, max_body: int, texts: Texts) -> Posed:
    """What a request asks. Raises `HttpError`, `ApiError` where its document is not to be run, and `Left` where the client
    goes before it has said it."""
    method = scope["method"]
    if method == "POST":
        if not _is_json(headers.get(b"content-type", b"")[:LONGEST]):
            raise HttpError(415, bad_input("the body is application/json in UTF-8"))
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise HttpError(415, ApiError(Code.UNSUPPORTED, "a GraphQL request is sent as it is, without Content-Encoding"))
        given = _parse(await _body(headers, receive, max_body), "the body")
        if not isinstance(given, dict):
            raise Malformed(bad_input("the body is one JSON object: query, variables, operationName"))
        return read_posed(given, texts, _ANY)
    if method != "GET":
        raise HttpError(405, bad_input("GraphQL is asked with POST, or GET for queries"), Allow="GET, POST")
    parameters = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    asked: dict[str, Any] = {**parameters}
    for name in ("variables", "extensions"):
        if name in parameters:
            asked[name] = _parse(parameters[name].encode(errors="replace"), f"`{name}`")
    return read_posed(asked, texts, _READ)


@lru_cache(256)
def _is_json(content_type: bytes) -> bool:
    kind, _, charset = content_type.decode("latin-1").lower().partition(";")
    return kind.strip() == JSON and ("charset" not in charset or "utf-8" in charset)


async def _body(headers: Mapping[bytes, bytes], receive: Receive, most: int) -> bytes:
    too_large = ApiError(Code.TOO_LARGE, f"the body has more than {most:,} bytes")
    size = headers.get(b"content-length", b"")
    if size.isdigit() and int(size) > most:
        raise HttpError(413, too_large)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        part: bytes = message.get("body", b"")
        if not message.get("more_body", False) and not body and len(part) <= most:
            return part
        body += part
        if len(body) > most:
            raise HttpError(413, too_large)
        if not message.get("more_body", False):
            return bytes(body)


def _parse(text: bytes, what: str) -> Any:
    """JSON, strictly; from Python's parser where text holds half of a surrogate pair, for the field it is in to refuse."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        try:
            return json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            message = f"{what} is not JSON in UTF-8, from line {error.lineno}, column {error.colno} on"
            raise HttpError(400, bad_input(message)) from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def read_posed(given: Mapping[str, Any], texts: Texts, operations: frozenset[OperationType]) -> Posed:
    """A request from its JSON object. Raises `Malformed`, and `ApiError` where its document is not to be run."""
    variables, operation = given.get("variables"), given.get("operationName")
    if variables is not None and not isinstance(variables, dict):
        raise Malformed(bad_input("`variables` is an object"))
    if operation is not None and not isinstance(operation, str):
        raise Malformed(bad_input("`operationName` is a string"))
    try:
        query = texts.text_of(given)
    except ApiError as refused:
        if refused.code is Code.BAD_INPUT:
            raise Malformed(refused) from None
        raise
    return Posed(query, variables, operation or None, operations)


def to_json(value: Any) -> bytes:
    """JSON text. What UTF-8 or 64 bits cannot hold goes the slow way."""
    try:
        return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:
        return json.dumps(value, allow_nan=False, default=str).encode()
