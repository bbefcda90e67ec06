"""How lineage lies in a Neo4j database: labels, relationship types, properties. Pure.

What stands is what a person expects: `(:Dataset {id, name, namespace, ...})-[:INPUT_TO]->(:Operation)` and so on. All that
is no part of the current graph lies beside it, joined to nothing:

| label | what it keeps | known by |
| --- | --- | --- |
| `_Hidden` | a node that was withdrawn or deleted, or is another name (`_alias`), in place of its kind's label | `id` |
| `_Edge` | an edge that does not stand or is never shown (PAIR, MENTIONS) | `source`, `kind`, `target` |
| `_Record` | a run, state, picture or tally: `value` as JSON | `id` |
| `_Listed` | that a record is in a group; `place` is minus its rank | `group`, `place`, `id` |
| `_Log` | `rows` of the topology log that were written together, as JSON; `seq` is the place of the last | `seq` |
| `_Epoch` | `at` [seq, chain], the `next` number, `writes`, `watermark`, `revision`; a writer locks it first | `id` 0 |

Every node, hidden or not, has the label `_Node` as well: one index finds it, whatever its kind, so that a statement has
one text and not one for every mixture of kinds.

Properties of nodes that begin with `_` are ours: `_number`, `_version`, times, what was said as JSON (`_said`, `_facets`)
and what the search looks at. The others are for people: `id`, `name`, `namespace`, and those attributes in force that are
text, a number, true or false, or a list of text. An edge has `tallies`, who states it, and `facts`, what each of them says.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backends.ids import KINDS, BadId, Kind, kind_of, name_of, namespace_of
from backends.model import EDGE_KINDS, ENDS, Json
from backends.stored import encodable
from backends.text import Document, document
from backends.vocabulary import FACET

LABELS: Final = {kind: kind.value.capitalize() for kind in KINDS if not kind.is_record}
"""The label of each kind of node."""
NODE: Final = "_Node"
HIDDEN: Final = "_Hidden"
TYPES: Final = "|".join(kind.value for kind in EDGE_KINDS if not kind.is_hidden)
"""All types of relationships, for between the brackets of a pattern."""
NO_EDGE: Final = 255
FULL_TEXT: Final = "headwater_search"
"""The name of the full-text index."""
RESERVED: Final = frozenset({"id", "name", "namespace"})
LONGEST_TOKEN: Final = 8_000
"""Lucene refuses terms of more than 32,766 bytes. No name has so long a word; of others this is the part that counts."""


def _kind_between() -> NDArray[np.uint8]:
    table = np.full((len(KINDS), len(KINDS)), NO_EDGE, np.uint8)
    for kind in EDGE_KINDS:
        if not kind.is_hidden:
            for source, target in product(*ENDS[kind]):
                table[source.code, target.code] = kind.code
    return table


KIND_BETWEEN: Final = _kind_between()
"""The one kind of edge that joins two kinds of nodes, all in codes: an edge between known nodes needs no type told."""


def can_be_id(text: str) -> bool:
    """Whether a text has no NUL and no half of a surrogate pair."""
    if "\0" in text:
        return False
    return text.isascii() or encodable(text)


def storable(text: str) -> str:
    """A text to compare for equality, as it can be stored: half surrogate pairs are written in hexadecimal."""
    if encodable(text) and not text.startswith("\ue000"):
        return text
    return "\ue000" + text.encode("utf-8", "surrogatepass").hex()


def restored(text: str) -> str:
    """The text that `storable` was given."""
    return bytes.fromhex(text[1:]).decode("utf-8", "surrogatepass") if text.startswith("\ue000") else text


def node_ids(ids: Iterable[str]) -> list[str]:
    """Those texts that can be ids of nodes, each once."""
    return [node_id for node_id in dict.fromkeys(ids) if _is_of(node_id, record=False)]


def record_ids(ids: Iterable[str]) -> list[str]:
    """Those texts that can be ids of records, each once."""
    return [record_id for record_id in dict.fromkeys(ids) if _is_of(record_id, record=True)]


def _is_of(text: str, *, record: bool) -> bool:
    try:
        return kind_of(text).is_record is record and can_be_id(text)
    except BadId:
        return False


# What people see


def names(node_id: str) -> dict[str, str]:
    """`name` and `namespace`; an id with the wrong number of parts has none."""
    try:
        return {"name": name_of(node_id), "namespace": namespace_of(node_id)}
    except BadId:
        return {}


def plain(attributes: Mapping[str, Json]) -> dict[str, Json]:
    """Of attributes in force those that people can read as properties."""
    return {key: value for key, value in attributes.items() if _is_plain_key(key) and _is_plain(value)}


@lru_cache(1024)
def _is_plain_key(key: str) -> bool:
    return bool(key) and key not in RESERVED and not key.startswith((FACET, "_")) and can_be_id(key)


def _is_plain(value: Json) -> bool:
    match value:
        case str():
            return encodable(value)
        case bool() | float():
            return True
        case int():
            return -(2**63) <= value < 2**63
        case list():
            return bool(value) and all(isinstance(item, str) and encodable(item) for item in value)
        case _:
            return False


# What the search looks at


def _hashed(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def name_token(word: str) -> str:
    """A word of the name. The first letter of a token says what it is, so that none is taken for another."""
    return f"n{word[:LONGEST_TOKEN]}"


def word_token(word: str) -> str:
    """A word that is searched after the name."""
    return f"w{word[:LONGEST_TOKEN]}"


def whole_token(text: str) -> str:
    """The id, the name or its last part as a whole, in lower case."""
    return f"e{_hashed(text)}"


def kind_token(kind: Kind) -> str:
    return f"k{kind.code}"


@lru_cache(1024)
def namespace_token(namespace: str) -> str:
    return f"s{_hashed(namespace)}"


def tag_token(tag: str) -> str:
    return f"t{_hashed(tag)}"


def last_part(name: str) -> str:
    """The part of a name after its last dot or slash, as `backends.text.rank` takes it."""
    return name.rsplit(".", 1)[-1].rsplit("/", 1)[-1]


def search_properties(node_id: str, attributes: Mapping[str, Json]) -> dict[str, Json]:
    """`_terms`, the tokens by which a node is found, and what `rank` compares as a whole: `_name`, its `_size`, the
    `_tail` and the `_folded` id where they differ from the name and the id."""
    kind = kind_of(node_id)
    tags = attributes.get("tags")
    terms = [kind_token(kind)]
    if isinstance(tags, list | tuple):
        terms += [tag_token(tag) for tag in tags if isinstance(tag, str)]
    try:
        doc: Document | None = document(node_id, attributes)
    except BadId:
        doc = None
    if doc is None:  # no text finds it
        return {"_terms": list(dict.fromkeys(terms)), "_name": None, "_size": None, "_tail": None, "_folded": None}
    last, folded = last_part(doc.name), node_id.casefold()
    whole = dict.fromkeys((doc.name, last, folded))
    terms += [namespace_token(namespace_of(node_id)), *map(whole_token, whole)]
    terms += map(name_token, doc.name_words)
    terms += map(word_token, doc.other_words)
    return {
        "_terms": list(dict.fromkeys(terms)),
        "_name": doc.name,
        "_size": len(doc.name),
        "_tail": None if last == doc.name else last,
        "_folded": None if folded == node_id else folded,
    }
