"""What a client is told when something goes wrong: one table from error class to code, and nothing of anyone's internals."""

import logging
from enum import StrEnum
from typing import Any
from uuid import uuid4

from graphql import GraphQLError, GraphQLSyntaxError

from backends.commands import CommandError
from backends.errors import BackendError, Conflict, Rejected, TimedOut, Unavailable, Unsupported
from backends.ids import BadId

log = logging.getLogger("headwater.schema")


class Code(StrEnum):
    """The stable part of an error: `extensions.code`."""

    NOT_FOUND = "NOT_FOUND"
    BAD_INPUT = "BAD_INPUT"
    TOO_COSTLY = "TOO_COSTLY"
    THROTTLED = "THROTTLED"
    TOO_LARGE = "TOO_LARGE"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    CONFLICT = "CONFLICT"
    UNAVAILABLE = "UNAVAILABLE"
    TIMEOUT = "TIMEOUT"
    UNSUPPORTED = "UNSUPPORTED"
    GONE = "GONE"
    TOO_SLOW = "TOO_SLOW"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    INTERNAL = "INTERNAL"


class ApiError(Exception):
    """An error in words for the client. `more` joins `code` in `extensions`."""

    def __init__(self, code: Code, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.more = code, message, more


def bad_input(message: str, **more: Any) -> ApiError:
    """The request is wrong and says the same tomorrow."""
    return ApiError(Code.BAD_INPUT, message, **more)


def too_costly(message: str) -> ApiError:
    """The request asks for more work than one request may."""
    return ApiError(Code.TOO_COSTLY, message)


# Messages of a store may hold its text (addresses, statements): those of these classes are replaced by ours.
_OURS: tuple[tuple[type[BaseException], Code, str | None], ...] = (
    (Unavailable, Code.UNAVAILABLE, "The graph store does not answer; try again."),
    (TimedOut, Code.TIMEOUT, "The graph store did not answer in time; ask for less, or try again."),
    (Conflict, Code.CONFLICT, "Someone else changed the same thing meanwhile; try again."),
    (Unsupported, Code.UNSUPPORTED, "The graph store cannot do this."),
    (Rejected, Code.BAD_INPUT, None),
    (BadId, Code.BAD_INPUT, None),
    (TimeoutError, Code.TIMEOUT, "The request took longer than it may; ask for less."),
)


def explain(error: BaseException) -> ApiError | None:
    """The error as the client may see it; None for one we did not foresee (INTERNAL, see `present`)."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, CommandError):
        code = Code(error.code) if error.code in Code.__members__ else Code.BAD_INPUT
        return ApiError(code, error.message, **({"field": error.field} if error.field else {}))
    for kind, code, words in _OURS:
        if isinstance(error, kind):
            return ApiError(code, words or str(error))
    return None


def present(error: GraphQLError) -> GraphQLError:
    """The error as it is sent: known ones with their code, anything else masked under a correlation id and logged once."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if cause is None or isinstance(cause, GraphQLError):
        if isinstance(error, GraphQLSyntaxError) or "code" not in (error.extensions or {}):
            return _copy(error, error.message, {"code": Code.BAD_INPUT.value})
        return error
    told = explain(cause)
    if told is not None:
        return _copy(error, told.message, {"code": told.code.value, **told.more})
    correlation = uuid4().hex
    _log_unforeseen(cause, correlation, error.path)
    words = f"Something went wrong on our side; say {correlation} when you report it."
    return _copy(error, words, {"code": Code.INTERNAL.value, "correlationId": correlation})


def _copy(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )


def _log_unforeseen(cause: BaseException, correlation: str, path: Any) -> None:
    """One short line: class, place and correlation id. The text of the error only where it is a store's or ours to read."""
    frame = cause.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame is not None else "unknown"
    text = str(cause)[:300] if isinstance(cause, BackendError) else str(cause)[:120]
    log.error(
        "schema.internal_error correlation=%s error=%s at=%s path=%s text=%r",
        correlation,
        type(cause).__name__,
        place,
        path,
        text,
    )
