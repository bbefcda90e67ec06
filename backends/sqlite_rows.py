"""Between stored rows and values: JSON, ids, node rows, the end of the log. Pure but for the reading of a connection."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, TypeAlias

import apsw
import numpy as np

from backends.ids import KINDS
from backends.model import Epoch, Stamped
from backends.rows import NodeRow, chain
from backends.stored import load, load_stamped

NODE: Final = "n.number, n.id, n.version, n.withdrawn, n.first_seen, n.last_seen, n.deleted_at, n.alias_of, n.attributes"
"""The columns that `node_row` takes."""
BARE: Final = NODE.replace("n.attributes", "'{}'")
"""The same, without the attributes."""
GENESIS: Final = Epoch(0, chain(0, (0,)))
Row: TypeAlias = tuple[Any, ...]
_RECORDS: Final = frozenset(f"{kind.lower()}:" for kind in KINDS if kind.is_record)


def is_record(node_id: str) -> bool:
    """Whether an id is that of a record; any text is taken."""
    return node_id[: node_id.find(":") + 1] in _RECORDS


def storable(text: str) -> str | bytes:
    """Text as a key: half a surrogate pair has no UTF-8, so such text is stored as a BLOB, which equals no TEXT."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def select(connection: apsw.Connection, sql: str, bindings: Iterable[Any] = ()) -> list[Row]:
    """All rows of a statement."""
    return connection.execute(sql, tuple(bindings)).fetchall()


def rows_of_ids(connection: apsw.Connection, sql: str, ids: Iterable[str]) -> list[Row]:
    """The rows of a statement over `carray(?)` of ids. What can be no id (NUL, half a surrogate pair) is found nowhere."""
    array = tuple(filter(can_be_id, ids))
    return connection.execute(sql, (apsw.carray(array),)).fetchall() if array else []


def rows_of_numbers(connection: apsw.Connection, sql: str, numbers: Iterable[int]) -> list[Row]:
    """The rows of a statement over `carray(?)` of numbers."""
    array = np.fromiter(numbers, np.int64)
    return connection.execute(sql, (apsw.carray(array),)).fetchall() if len(array) else []


def can_be_id(text: str) -> bool:
    """Whether a text has no NUL and no half of a surrogate pair."""
    return "\0" not in text and (text.isascii() or isinstance(storable(text), str))


def node_row(row: Row) -> NodeRow:
    """From the columns `NODE`. Facets are not among the attributes."""
    number, node_id, version, withdrawn, first, last, deleted, alias, attributes = row
    return NodeRow(node_id, number, version, load_stamped(attributes), first, last, deleted, bool(withdrawn), alias)


def with_facets(connection: apsw.Connection, rows: Iterable[NodeRow]) -> dict[int, NodeRow]:
    """The rows by number, with their facets among the attributes."""
    found = {row.number: row for row in rows}
    facets: dict[int, dict[str, Stamped]] = {}
    sql = "SELECT f.number, f.name, f.value FROM carray(?) a JOIN facets f ON f.number = a.value"
    for number, name, value in rows_of_numbers(connection, sql, found):
        facets.setdefault(number, {})[name] = Stamped(*load(value))
    for number, stamped in facets.items():
        found[number] = replace(found[number], attributes={**found[number].attributes, **stamped})
    return found


def epoch_now(connection: apsw.Connection) -> Epoch:
    """Where the log ends."""
    row = connection.execute("SELECT seq, chain FROM topology_log ORDER BY seq DESC LIMIT 1").fetchone()
    return GENESIS if row is None else Epoch(*row)
