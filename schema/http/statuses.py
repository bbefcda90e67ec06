"""The HTTP status that says how an operation went: the draft of 2026 has other ones than the audit of its authors."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from graphql import GraphQLError

from schema.errors import Code
from schema.http.requests import GRAPHQL_JSON


class Statuses(StrEnum):
    """AUDIT: what `graphql-http` checks, which clients know. DRAFT_2026: as the draft has it since April 2026: 422 for
    what was read and cannot be run, 294 for data with errors, the same whatever is accepted."""

    AUDIT = "audit"
    DRAFT_2026 = "draft-2026"


FAILED: Final = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.TOO_LARGE: 413,
    Code.THROTTLED: 429,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.TIMEOUT: 504,
}
"""Statuses of answers without data, by the code of the first error."""


def status_of(statuses: Statuses, media: str, errors: Sequence[GraphQLError], *, data: bool, ran: bool, read: bool) -> int:
    """The status of an answer. `data`: it has some; `ran`: the operation began; `read`: its document has no error of
    syntax."""
    if data and not errors:
        return 200
    if statuses is Statuses.DRAFT_2026 and (data or ran):
        return 294
    if data:
        return 200
    code = (errors[0].extensions or {}).get("code") if errors else None
    if code in FAILED:
        return FAILED[Code(code)]
    if statuses is Statuses.DRAFT_2026:
        return 422 if read else 400
    return 400 if media == GRAPHQL_JSON else 200  # clients that know JSON alone take any other for a failure of the way
