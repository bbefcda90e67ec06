"""Values as text, as every adapter that keeps text stores them. Pure."""

import json
from collections.abc import Mapping

import orjson

from backends.model import Json, Stamped


def dump(value: Json) -> str:
    """JSON as it is stored. What orjson cannot keep exactly (integers past 64 bits, half surrogate pairs) goes through
    `json`, and a leading space says so."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return " " + json.dumps(value)


def load(text: str) -> Json:
    """The value that `dump` stored."""
    return json.loads(text) if text[0] == " " else orjson.loads(text)


def dump_stamped(attributes: Mapping[str, Stamped]) -> str:
    """Attributes with their times."""
    return dump({key: (stamped.time, stamped.value) for key, stamped in attributes.items()})


def load_stamped(text: str | None) -> dict[str, Stamped]:
    """The attributes that `dump_stamped` stored; None, as nothing is stored, is nothing said."""
    if text is None or text == "{}":
        return {}
    return {key: Stamped(time, value) for key, (time, value) in load(text).items()}


def encodable(text: str) -> bool:
    """Whether a text has a UTF-8 form; half of a surrogate pair has none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
