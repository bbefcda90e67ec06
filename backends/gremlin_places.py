"""Where things lie on the shelves of a Gremlin store: names of shelves, and places that sort as ids do. Pure.

| shelf | places | text |
| --- | --- | --- |
| `~nodes N` | number | vertex of the node: all nodes ever, in the order of their numbers |
| `~kind KIND` | id | vertex: standing nodes of a kind |
| `~tag TAG` | id | vertex: standing nodes with a tag |
| `~word A` | word, id | vertex: standing nodes by the words that a search looks at; A is a word's first character |
| `~exact XX` | hash, id | vertex: standing nodes by what a text must equal as a whole |
| `~out XX` | source, kind, target | who states the edge; XX is a hash of the source |
| `~into XX` | target, kind, source | empty: edges that somebody states; XX is a hash of the target |
| `~records XX` | id | the record |
| `~group KIND GROUP` | rank, id | the record again: so that a list is one slice |
| `~log N` | last seq | the rows of a turn |

Two things make places sort right. Java compares strings by UTF-16 units, ids are compared by code points: `key` writes
what lies above the surrogates so that both agree. And parts are joined by a character greater than any of them.
"""

import zlib
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

from backends.ids import KINDS, BadId, Kind, kind_of
from backends.model import ENDS, EdgeKey, EdgeKind, Json
from backends.stored import encodable
from backends.text import document, words

SEPARATOR: Final = "\uf8ff"
END: Final = "\uffff"
"""After every place that begins as what stands before it."""
LABELS: Final = {kind: kind.value.capitalize() for kind in KINDS if not kind.is_record}
"""The label of each kind of node."""
BETWEEN: Final = {
    (source, target): kind
    for kind, (sources, targets) in ENDS.items()
    if not kind.is_hidden
    for source in sources
    for target in targets
}
"""The one kind of edge that joins two kinds of nodes, so that an edge between known nodes needs no kind told."""
SHARDS: Final = 256
_ABOVE: Final = 0xE000
_LOW: Final = 0x1000


def key(text: str) -> str:
    """The text, written so that UTF-16 units sort as code points do. It has no character from U+E022 on."""
    if text.isascii() or max(text) < chr(0xD800):
        return text
    return "".join(c if c < chr(_ABOVE) else chr(_ABOVE + (ord(c) >> 15)) + chr(_LOW + (ord(c) & 0x7FFF)) for c in text)


def unkeyed(text: str) -> str:
    """The text that `key` wrote."""
    if text.isascii() or max(text) < chr(_ABOVE):
        return text
    out: list[str] = []
    rest = iter(text)
    for c in rest:
        out.append(c if c < chr(_ABOVE) else chr((ord(c) - _ABOVE) << 15 | (ord(next(rest)) - _LOW)))
    return "".join(out)


def shard(name: str, text: str) -> str:
    """The shelf, of many, on which something of this id lies."""
    return f"~{name} {zlib.crc32(text.encode()) % SHARDS:02x}"


def shards(name: str) -> list[str]:
    return [f"~{name} {place:02x}" for place in range(SHARDS)]


def joined(*parts: str) -> str:
    return SEPARATOR.join(map(key, parts))


def parted(place: str) -> list[str]:
    return [unkeyed(part) for part in place.split(SEPARATOR)]


def begins(*parts: str) -> tuple[str, str]:
    """The range of places that begin with these parts."""
    low = joined(*parts) + SEPARATOR
    return low, low + END


def after(place: str) -> str:
    """The least place greater than this one."""
    return place + "\u0001"


def beyond(text: str) -> str:
    """The least place that may be of a greater id than any text, one that a client made up too."""
    for place, c in enumerate(text):
        if "\ud800" <= c <= "\udfff":  # no id has half of a surrogate pair: those that are greater go on from here
            return key(text[:place] + chr(_ABOVE))
        if c == "\0":
            return after(key(text[:place]))
    return after(key(text))


def named(name: str, text: str) -> str:
    """A shelf that is named by a text of any kind and length."""
    plain = len(text) <= 200 and "\0" not in text and encodable(text)
    return f"~{name} ={text}" if plain else f"~{name} #{hashed(text)}"


def hashed(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Range(NamedTuple):
    """Entries of a shelf: places from `low` on, below `high`; where `text` is given, those whose text begins so."""

    shelf: str
    low: str = ""
    high: str = END
    text: str = ""


# Nodes


def number_shelf(number: int) -> str:
    return f"~nodes {number >> 16}"


def number_place(number: int) -> str:
    return f"{number:016x}"


def number_range(start: int, end: int) -> tuple[Range, int]:
    """Where the nodes with these numbers lie, as far as that is one shelf, and the number after them."""
    end = min(end, ((start >> 16) + 1) << 16)
    return Range(number_shelf(start), number_place(start), number_place(end)), end


def kind_shelf(kind: Kind) -> str:
    return f"~kind {kind}"


def tag_shelf(tag: str) -> str:
    return named("tag", tag)


def last_part(name: str) -> str:
    """The part of a name after its last dot or slash, as `backends.text.rank` takes it."""
    return name.rsplit(".", 1)[-1].rsplit("/", 1)[-1]


def places_of(node_id: str, attributes: Mapping[str, Json]) -> set[tuple[str, str]]:
    """Where a standing node with these attributes in force lies, so that it is listed and found."""
    own = key(node_id)
    found = {(kind_shelf(kind_of(node_id)), own)}
    tags = attributes.get("tags", ())
    if isinstance(tags, Iterable):  # of anything else the reference has no tags either
        found |= {(tag_shelf(tag), own) for tag in tags if isinstance(tag, str)}
    try:
        doc = document(node_id, attributes)
    except BadId:  # an id with the wrong number of parts has no name
        return found
    for word in (*doc.name_words, *doc.other_words):
        found.add((word_shelf(word), key(word) + SEPARATOR + own))
    exact = {node_id.casefold(), *(text for text in (doc.name, last_part(doc.name)) if not words(text))}
    found |= {(exact_shelf(hashed(text)), hashed(text) + SEPARATOR + own) for text in exact}
    return found


def word_shelf(word: str) -> str:
    return f"~word {word[0]}"


def exact_shelf(hashed_text: str) -> str:
    return f"~exact {hashed_text[:2]}"


def search_ranges(text: str) -> list[list[Range]]:
    """What a text finds lies in one range at least of each of these groups. `backends.text.rank` decides on it."""
    typed = text.strip().casefold()
    exact = hashed(typed)
    whole = Range(exact_shelf(exact), exact, exact + END)
    return [[Range(word_shelf(word), key(word), key(word) + END), whole] for word in words(typed)] or [[whole]]


# Edges


def edge_entry(edge: EdgeKey) -> tuple[str, str]:
    """Where it is kept who states an edge."""
    return shard("out", edge.source), joined(edge.source, edge.kind, edge.target)


def back_entry(edge: EdgeKey) -> tuple[str, str]:
    """Where it is kept, at its target, that an edge is stated."""
    return shard("into", edge.target), joined(edge.target, edge.kind, edge.source)


def edge_at(place: str) -> EdgeKey:
    source, kind, target = parted(place)
    return EdgeKey(source, EdgeKind(kind), target)


def back_edge_at(place: str) -> EdgeKey:
    target, kind, source = parted(place)
    return EdgeKey(source, EdgeKind(kind), target)


# Records


def record_entry(record_id: str) -> tuple[str, str]:
    return shard("records", record_id), key(record_id)


_MIDDLE: Final = 1 << 79
"""Ranks may lie this far from 0; what lies beyond, of a cursor that a client made up, is taken to lie there."""


def rank_place(place: int) -> str:
    """20 characters that sort as numbers do. `place` is the negated rank: the greatest rank comes first."""
    return f"{max(-_MIDDLE, min(place, _MIDDLE - 1)) + _MIDDLE:020x}"


def group_shelf(kind: Kind, group: str) -> str:
    return named(f"group {kind}", group)


def group_place(record_id: str, rank: int) -> str:
    return rank_place(-rank) + SEPARATOR + key(record_id)


def group_cursor(place: str) -> tuple[int, str]:
    """The cursor of an entry: the negated rank and the id."""
    rank, _, own = place.partition(SEPARATOR)
    return int(rank, 16) - _MIDDLE, unkeyed(own)


# The log

LOG_SHIFT: Final = 12
"""A shelf of the log has 2 to the power of this many rows."""


def log_shelf(seq: int) -> str:
    return f"~log {seq >> LOG_SHIFT}"


def log_shelves(seq: int, count: int) -> list[str]:
    """So many shelves from that of a row on."""
    return [f"~log {(max(seq, 0) >> LOG_SHIFT) + place}" for place in range(count)]


def log_place(seq: int) -> str:
    """Entries of the log lie at the place of their last row."""
    return f"{seq:016x}"
