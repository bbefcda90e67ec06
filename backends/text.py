"""What a search finds, and what it finds first. Pure; every backend answers exactly as `rank` says.

>>> from backends.text import document, rank
>>> rank("orders", document("dataset:db#sales.public.orders", {}))
0
>>> rank("ord cust", document("dataset:db#mart.customer_orders", {}))
3
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from backends.ids import name_of, namespace_of
from backends.model import Json

_WORDS = re.compile(r"[^\W_]+")
SEARCHED = ("tags", "owners", "columns", "description")
"""Attributes whose words are searched after the name and the namespace."""
REMEMBERED: Final = 200
"""Characters of the longest text whose words are remembered, so that a thousand of them stay small."""


class Document(NamedTuple):
    """The searchable side of a node: its whole name in lower case, the words of the name, and all other words."""

    id: str
    name: str
    name_words: tuple[str, ...]
    other_words: tuple[str, ...]


def words(text: str) -> tuple[str, ...]:
    """Runs of letters and digits in lower case, each once, in order: `stg_Orders v2` -> stg, orders, v2."""
    return tuple(dict.fromkeys(_WORDS.findall(text.casefold())))


_known = lru_cache(1024)(words)


def document(node_id: str, attributes: Mapping[str, Json]) -> Document:
    """The searchable side of a node with these attributes."""
    name = name_of(node_id)
    others = [namespace_of(node_id)]
    for key in SEARCHED:
        value = attributes.get(key)
        if isinstance(value, list):
            others += map(str, value)
        elif value is not None:
            others.append(str(value))
    rest = " ".join(others)  # of most nodes the namespace alone
    other_words = _known(rest) if len(rest) <= REMEMBERED else words(rest)
    return Document(node_id, name.casefold(), words(name), other_words)


def rank(text: str, doc: Document) -> int | None:
    """How well a document answers what a person typed; None where it does not, 0 is best.

    0: the id, the name or its last dotted part. 1: the name, or that part, begins so. 2: every word is a word of the
    name. 3: every word begins a word of the name. 4: every word begins a word of the name, namespace, tags, owners,
    columns or description. Equal ranks are ordered by the length of the name, then by id.
    """
    typed = text.strip().casefold()
    wanted = words(typed)
    last = doc.name.rsplit(".", 1)[-1].rsplit("/", 1)[-1]
    if typed in (doc.id.casefold(), doc.name, last):
        return 0
    if not wanted:
        return None
    if doc.name.startswith(typed) or last.startswith(typed):
        return 1
    if all(word in doc.name_words for word in wanted):
        return 2
    if all(any(own.startswith(word) for own in doc.name_words) for word in wanted):
        return 3
    both = doc.name_words + doc.other_words
    return 4 if all(any(own.startswith(word) for own in both) for word in wanted) else None
