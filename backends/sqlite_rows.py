"""Between stored rows and values: JSON, ids, node rows, the end of the log. Pure but for the reading of a connection."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import apsw
import numpy as np
import orjson

from backends.ids import KINDS
from backends.model import Epoch, Stamped
from backends.rows import NodeRow, chain
from backends.stored import load, load_stamped

NODE: Final = "n.number, n.id, n.version, n.withdrawn, n.first_seen, n.last_seen, n.deleted_at, n.alias_of, n.attributes"
"""The columns that `node_row` takes."""
BARE: Final = NODE.replace("n.attributes", "'{}'")
"""The same, without the attributes."""
NODES_BY_ID: Final = "carray(?) a JOIN nodes n ON n.id = a.value"
NODES_BY_NUMBER: Final = "carray(?) a JOIN nodes n ON n.number = a.value"
RECORDS_BY_ID: Final = "carray(?) a JOIN records r ON r.id = a.value"
GENESIS: Final = Epoch(0, chain(0, (0,)))
Row: TypeAlias = tuple[Any, ...]
KEYS: Final = 1_000
"""Keys that one statement looks up, so that no text grows without bound."""
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


def rows_of_ids(connection: apsw.Connection, columns: str, source: str, ids: Iterable[str]) -> list[Any]:
    """These columns of a source over `carray(?)` of ids, in no promised order. What can be no id (NUL, half a surrogate
    pair) is found nowhere."""
    return _rows(connection, columns, source, tuple(filter(can_be_id, ids)))


def rows_of_numbers(connection: apsw.Connection, columns: str, source: str, numbers: Iterable[int]) -> list[Any]:
    """The same over `carray(?)` of numbers."""
    return _rows(connection, columns, source, np.fromiter(numbers, np.int64))


def _rows(connection: apsw.Connection, columns: str, source: str, keys: Any) -> list[Any]:
    """As one JSON text for each so many keys: the driver lets other threads run at each row, and a busy one would hold up
    thousands of rows for seconds."""
    sql = f"SELECT json_group_array(json_array({columns})) FROM {source}"
    found: list[Any] = []
    for at in range(0, len(keys), KEYS):
        found += orjson.loads(connection.execute(sql, (apsw.carray(keys[at : at + KEYS]),)).get)
    return found


def can_be_id(text: str) -> bool:
    """Whether a text has no NUL and no half of a surrogate pair."""
    return "\0" not in text and (text.isascii() or isinstance(storable(text), str))


def node_row(row: Sequence[Any]) -> NodeRow:
    """From the columns `NODE`. Facets are not among the attributes."""
    number, node_id, version, withdrawn, first, last, deleted, alias, attributes = row
    return NodeRow(node_id, number, version, load_stamped(attributes), first, last, deleted, bool(withdrawn), alias)


def with_facets(connection: apsw.Connection, rows: Iterable[NodeRow]) -> dict[int, NodeRow]:
    """The rows by number, with their facets among the attributes."""
    found = {row.number: row for row in rows}
    facets: dict[int, dict[str, Stamped]] = {}
    source = "carray(?) a JOIN facets f ON f.number = a.value"
    for number, name, value in rows_of_numbers(connection, "f.number, f.name, f.value", source, found):
        facets.setdefault(number, {})[name] = Stamped(*load(value))
    for number, stamped in facets.items():
        found[number] = replace(found[number], attributes={**found[number].attributes, **stamped})
    return found


def epoch_now(connection: apsw.Connection) -> Epoch:
    """Where the log ends."""
    row = connection.execute("SELECT seq, chain FROM topology_log ORDER BY seq DESC LIMIT 1").fetchone()
    return GENESIS if row is None else Epoch(*row)
