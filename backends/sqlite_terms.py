"""What the search of a SQLite store is kept by: columns of a node that never change, its words, its tags.

Words are cut by `backends.text.words` and stored joined by spaces; the tokenizer `ascii` then cuts at those spaces alone,
since it takes every character past ASCII for a letter. So the index holds exactly the words that `rank` compares.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import apsw

from backends.ids import BadId, Kind, kind_of, name_of, namespace_of
from backends.model import Json
from backends.rows import NodeRow, as_node
from backends.sqlite_rows import NODE, node_row, storable
from backends.text import SEARCHED, document

SHIFT: Final = 40
"""The rowid of a search row is the length of the name shifted by this, plus the number of the node."""


def search_columns(node_id: str) -> tuple[int | None, str | None, str | None, str | None]:
    """(size, name, last, folded) of a node; all None where the id has the wrong number of parts: no text finds it."""
    try:
        name = name_of(node_id).casefold()
    except BadId:
        return None, None, None, None
    last = name.rsplit(".", 1)[-1].rsplit("/", 1)[-1]
    folded = node_id.casefold()
    return len(name), name, None if last == name else last, None if folded == node_id else folded


def kind_word(kind: Kind) -> str:
    """The word of a kind in the column `scope`. U+E000 is no letter, so `backends.text.words` never gives such a word."""
    return f"\ue000k{kind.code}"


def namespace_word(namespace: str) -> str:
    """The word of a namespace, which may hold anything, in the column `scope`."""
    return f"\ue000n{namespace.encode('utf-8', 'surrogatepass').hex()}"


def refresh(connection: apsw.Connection, before: Mapping[str, NodeRow], after: Mapping[str, NodeRow]) -> None:
    """Brings the search rows and tags of all nodes that a write touched in step with the rows it stored."""
    touched: list[NodeRow] = []
    joined: set[str] = set()
    for node_id, row in after.items():
        old = before.get(node_id)
        names = {name for name in (row.alias_of, old and old.alias_of) if name}
        if old is None or row.attributes is not old.attributes or row.standing != old.standing or names:
            touched.append(row)
            joined |= names
    if not touched:
        return
    terms = _Terms(connection)
    if terms.has_aliases():
        joined.update(row.id for row in touched if terms.others(row.id))
    for row in touched:
        if row.id not in joined:
            terms.put(row, before.get(row.id))
    for node_id in joined:
        terms.put_joined(node_id)
    terms.store()


class _Terms:
    """Gathers what to remove and to add, so that each table is written in one go."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self.gone: list[tuple[int, int]] = []
        self.words: list[tuple[int, str, str, str]] = []
        self.tags: list[tuple[str | bytes, str, int]] = []

    def has_aliases(self) -> bool:
        return self.connection.execute("SELECT 1 FROM nodes WHERE alias_of IS NOT NULL LIMIT 1").fetchone() is not None

    def others(self, node_id: str) -> list[NodeRow]:
        rows = self.connection.execute(f"SELECT {NODE} FROM nodes n WHERE n.alias_of = ?", (node_id,))
        return [node_row(row) for row in rows]

    def put(self, row: NodeRow, old: NodeRow | None) -> None:
        """A node with one name: compared with what it said before, since most writes change no word."""
        had = _searched(row.id, _in_force(old)) if old is not None and old.standing else None
        has = _searched(row.id, _in_force(row)) if row.standing else None
        if had != has:
            self._replace(row, had is not None, has)

    def put_joined(self, node_id: str) -> None:
        """A node with several names, or one that has just lost one: written anew."""
        found = self.connection.execute(f"SELECT {NODE} FROM nodes n WHERE n.id = ?", (node_id,)).fetchone()
        if found is not None:
            row = node_row(found)
            force = as_node(row, self.others(node_id), facets=False).attributes
            self._replace(row, True, _searched(row.id, force) if row.standing else None)

    def _replace(self, row: NodeRow, had: bool, has: "_Searched | None") -> None:
        size = search_columns(row.id)[0] if has is None else has.size
        rowid = -1 if size is None else size << SHIFT | row.number
        if had:
            self.gone.append((rowid, row.number))
        if has is not None:
            if size is not None:
                scope = f"{kind_word(kind_of(row.id))} {namespace_word(namespace_of(row.id))}"
                self.words.append((rowid, *has.words, scope))
            self.tags.extend((storable(tag), row.id, row.number) for tag in has.tags)

    def store(self) -> None:
        run = self.connection.executemany
        if self.gone:
            run("DELETE FROM search WHERE rowid = ?", ((rowid,) for rowid, _ in self.gone))
            run("DELETE FROM tags WHERE number = ?", ((number,) for _, number in self.gone))
        if self.words:
            run("INSERT INTO search (rowid, name, other, scope) VALUES (?, ?, ?, ?)", self.words)
        if self.tags:
            run("INSERT INTO tags VALUES (?, ?, ?)", self.tags)


class _Searched(NamedTuple):
    size: int | None
    words: tuple[str, str]
    tags: frozenset[str]


def _in_force(row: NodeRow) -> dict[str, Json]:
    return {key: said.value for key in SEARCHED if (said := row.attributes.get(key)) and said.value is not None}


def _searched(node_id: str, attributes: Mapping[str, Json]) -> _Searched:
    tags = tags_of(attributes)
    try:
        doc = document(node_id, attributes)
    except BadId:
        return _Searched(None, ("", ""), tags)
    return _Searched(len(doc.name), (" ".join(doc.name_words), " ".join(doc.other_words)), tags)


def tags_of(attributes: Mapping[str, Json]) -> frozenset[str]:
    """The tags of a node with these attributes; anything but a list of text counts as the reference counts it."""
    tags = attributes.get("tags", ())
    return frozenset(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, Iterable) else frozenset()
