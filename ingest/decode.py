"""Bytes -> JSON, as leniently as its meaning allows.

The strict and fast parser first. What it refuses gets a second chance: bare NaN and Infinity, which the Python client
really sends, become null, and integers beyond 64 bits become floats. Lone surrogates and absurd nesting are refused.
"""

import json
from collections.abc import Iterable
from math import isfinite

import orjson

from backends.model import Json
from ingest.errors import BadEvent, Unreadable

MAX_NESTING = 200
_BOM = b"\xef\xbb\xbf"


def decode(body: bytes) -> Json:
    """The JSON value in a body. Raises `Unreadable`, or `BadEvent` with the pointer of what cannot be kept."""
    body = body.removeprefix(_BOM)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _decode_leniently(body)
    if body.count(b"[") + body.count(b"{") > MAX_NESTING:
        _check_nesting(value)
    return value


def _decode_leniently(body: bytes) -> Json:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"the body is not UTF-8 at byte {error.start}") from None
    try:
        value = json.loads(text, parse_constant=lambda _: None, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise Unreadable(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise Unreadable(f"the body is nested more than {MAX_NESTING} deep") from None
    _check_surrogates(value)
    return value


def _integer(digits: str) -> int | float | None:
    if len(digits) > 20:
        number = float(digits)
        return number if isfinite(number) else None
    exact = int(digits)
    return exact if -(2**63) <= exact < 2**64 else float(exact)


def _check_nesting(value: Json) -> None:
    level: list[Json] = [value]
    for _ in range(MAX_NESTING):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise Unreadable(f"the body is nested more than {MAX_NESTING} deep")


def _children(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _check_surrogates(value: Json) -> None:
    stack: list[tuple[Json, str]] = [(value, "")]
    while stack:
        item, pointer = stack.pop()
        if isinstance(item, str):
            if not item.isascii() and any("\ud800" <= char <= "\udfff" for char in item):
                raise BadEvent("text cannot hold half of a surrogate pair", pointer)
        elif isinstance(item, dict):
            stack.extend((key, pointer) for key in item)
            stack.extend((child, f"{pointer}/{escape(key)}") for key, child in item.items())
        elif isinstance(item, list):
            stack.extend((child, f"{pointer}/{index}") for index, child in enumerate(item))


def escape(key: str) -> str:
    """A key as a token of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")
