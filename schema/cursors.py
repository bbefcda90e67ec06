"""Keyset cursors: the place of a row in its order, opaque to clients, strictly read.

A cursor says where the last row stood, never how many rows came before it, so a page stays right while others write.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from typing import NoReturn, TypeAlias

from backends.changes import Cursor
from schema.errors import bad_input

Shape: TypeAlias = tuple[type, ...]

ORDERS: dict[str, Shape] = {
    "near": (int, str),  # depth, id
    "level": (float, int, str),  # impact level (negated), depth, id
    "name": (str, str),  # name, id
    "id": (str,),
    "newest": (int, str),  # rank (negated), id
    "match": (int, int, str),  # how well, length of the name, id
}
"""What the cursors of each order hold. A cursor of one order is refused in another."""

_MAX_TEXT = 4096


def write_cursor(order: str, place: Sequence[int | str | float]) -> str:
    """The cursor of a row that stands at `place` in that order."""
    text = json.dumps([order, *place], separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(order: str, text: str | None) -> Cursor | None:
    """The place that `write_cursor` was given. Raises BAD_INPUT for anything it did not write for this order."""
    if text is None:
        return None
    if len(text) > _MAX_TEXT:
        _refuse()
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        value = json.loads(urlsafe_b64decode(padded).decode())
        if not isinstance(value, list) or not value or value[0] not in ORDERS:
            _refuse()
        named, *place = value
        wrote = write_cursor(named, place)
    except (NotBase64, ValueError, RecursionError, TypeError):
        _refuse()
    if named != order:
        raise bad_input("this cursor comes from another list; use the endCursor of the page before")
    if [type(each) for each in place] != list(ORDERS[order]) or wrote != text or not all(map(_fits, place)):
        _refuse()
    return tuple(place)


def _fits(value: object) -> bool:
    """Stores compare whole numbers of 64 bits."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _refuse() -> NoReturn:
    raise bad_input("this is no cursor of ours; use the endCursor of the page before")
