"""Answers that are errors: one shape for every route outside GraphQL, one place that makes it."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from backends.errors import BackendError, Rejected

RETRY_AFTER = {"Retry-After": "1"}


class Problem(Exception):
    """Ends a request with `{"error": {"code", "message", "pointer"}}`. `pointer` is a JSON pointer into what was sent."""

    def __init__(
        self, status: int, code: str, message: str, pointer: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.pointer = status, code, message, pointer
        self.headers = headers or {}

    @property
    def error(self) -> dict[str, Any]:
        return error(self.code, self.message, self.pointer)

    def response(self) -> Response:
        return json_response({"error": self.error}, self.status, self.headers)


def error(code: str, message: str, pointer: str | None = None) -> dict[str, Any]:
    """The members of an error; `pointer` only where there is one."""
    return {"code": code, "message": message} | ({} if pointer is None else {"pointer": pointer})


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(to_json(value), status, headers, media_type="application/json")


def to_json(value: Any) -> bytes:
    """JSON text. Lone surrogates that a client sent and a message repeats become `?`, since UTF-8 has none."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_encodable(value))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list | tuple) else value


def of_backend(failure: BackendError) -> Problem:
    """What a client is told when a store failed: never the store's own words."""
    if failure.retryable:
        return Problem(503, "UNAVAILABLE", "the store cannot take this now; try again", headers=RETRY_AFTER)
    if isinstance(failure, Rejected):
        return Problem(422, "BAD_INPUT", "this breaks a rule of the lineage model")
    return internal()


def internal() -> Problem:
    """What a client is told of a fault of ours; the log has the rest under the request's id."""
    return Problem(500, "INTERNAL", "something went wrong here; the log tells more under this answer's X-Request-Id")
