"""Between closures and bytes, and the key of a question. Pure.

A value is its label (`cache.base`), 16 bytes of checksum over key, label and body, a byte that says whether the body is
compressed, and the body: a header in JSON and the columns one after another. Rows go by depth and number, edges by source
and target, each as its distance from the one before, its bytes grouped by place: most of them are then zero, and zstandard
leaves about a byte and a half a node or edge.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import numpy as np
import orjson
import zstandard
from numpy.typing import NDArray

from backends.model import Epoch, Subgraph, Traversal, canonical
from cache.base import LABEL, MAGIC, Label
from cache.closure import Closure

Column: TypeAlias = NDArray[Any]
FORMAT: Final = 1
"""Of keys and bodies. Another version of the service, which may code or mean something else, has keys of its own."""
CHECK: Final = 16
COMPRESSED: Final = 2_000
"""Bytes of a body from which on it is compressed."""
LEVEL: Final = 1
RAW, ZSTD = b"\0", b"\1"


def key_of(graph: str, question: Traversal, *, named: bool) -> str:
    """The key of a question: all of it, and of which graph. `named` says whether values hold ids as text: who has them in
    memory anyway neither writes nor needs them."""
    said = {
        "roots": sorted(question.roots.items()),
        "direction": question.direction,
        "max_depth": question.max_depth,
        "edge_kinds": sorted(question.edge_kinds),
        "max_nodes": question.max_nodes,
        "as_of": question.as_of,
    }
    digest = blake2b(canonical(said).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"headwater:{FORMAT}{'n' if named else ''}:{graph}:{digest}"


def encode(key: str, closure: Closure, ids: Sequence[str] | None, secret: bytes = b"") -> bytes:
    """The value of an answer; with its ids where they are given. Slow for large answers, so for a thread."""
    label = bytes(Label(*closure.epoch))
    body = _body(closure, ids)
    flag = RAW
    if len(body) >= COMPRESSED:
        flag, body = ZSTD, zstandard.compress(body, LEVEL)
    return label + _check(key, label, flag + body, secret) + flag + body


def decode(
    key: str, value: bytes, question: Traversal, secret: bytes = b""
) -> tuple[Closure, tuple[str, ...] | None] | None:
    """The answer in a value and its ids if it holds them. None for whatever is not the value of this very key, as `encode`
    made it: cut short, damaged, of another question, graph or format."""
    label, rest = Label.of(value), value[LABEL + CHECK :]
    if label is None or not rest or _check(key, value[:LABEL], rest, secret) != value[LABEL : LABEL + CHECK]:
        return None
    try:
        body = rest[1:] if rest[:1] == RAW else zstandard.decompress(rest[1:])
        return _closure(body, question, Epoch(*label))
    except Exception:  # whatever it is, it is no answer of ours; a cache must not fail a question
        return None


def _check(key: str, label: bytes, rest: bytes, secret: bytes) -> bytes:
    made = blake2b(digest_size=CHECK, key=secret[:64])
    for part in (MAGIC, key.encode(), b"\0", label, rest):
        made.update(part)
    return made.digest()


def _body(closure: Closure, ids: Sequence[str] | None) -> bytes:
    graph = closure.graph
    order = np.lexsort((graph.numbers, graph.depths))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    depths, counts = np.unique(graph.depths, return_counts=True)
    used, spaces = np.unique(graph.namespaces[order], return_inverse=True)
    sources, targets = place[graph.sources], place[graph.targets]
    edges = np.lexsort((graph.edge_kinds, targets, sources))
    columns: list[bytes] = [
        _packed(_steps(graph.numbers[order])),
        graph.kinds[order].tobytes(),
        graph.reached[order].tobytes(),
        _packed(spaces),
        _packed(np.bincount(sources, minlength=len(order))),
        _packed(_steps(targets[edges])),
        graph.edge_kinds[edges].tobytes(),
    ]
    if ids is not None:
        text = list(ids)
        columns.append("\0".join([text[row] for row in order.tolist()]).encode())
    header = orjson.dumps(
        {
            "nodes": len(order),
            "edges": len(edges),
            "levels": [depths.tolist(), counts.tolist()],
            "spaces": [graph.namespace_names[code] for code in used.tolist()],
            "starts": [(int(place[row]), start) for row, start in closure.starts.items()],
            "truncated": graph.truncated,
            "named": ids is not None,
            "made": closure.made,
            "sizes": [len(column) for column in columns],
        }
    )
    return b"".join((len(header).to_bytes(4, "little"), header, *columns))


def _closure(body: bytes, question: Traversal, epoch: Epoch) -> tuple[Closure, tuple[str, ...] | None]:
    begin = 4 + int.from_bytes(body[:4], "little")
    said = orjson.loads(body[4:begin])
    columns: list[bytes] = []
    for size in said["sizes"]:
        columns.append(body[begin : begin + size])
        begin += size
    nodes, edges = said["nodes"], said["edges"]
    depths, counts = said["levels"]
    graph = Subgraph(
        epoch=epoch,
        numbers=np.cumsum(_unpacked(columns[0], nodes), dtype=np.int64),
        kinds=np.frombuffer(columns[1], np.uint8, nodes),
        depths=np.repeat(np.array(depths, np.int32), counts),
        reached=np.frombuffer(columns[2], np.uint8, nodes),
        namespaces=_unpacked(columns[3], nodes).astype(np.int32),
        namespace_names=said["spaces"],
        ids=(),
        sources=np.repeat(np.arange(nodes, dtype=np.int32), _unpacked(columns[4], nodes)),
        targets=np.cumsum(_unpacked(columns[5], edges), dtype=np.int64).astype(np.int32),
        edge_kinds=np.frombuffer(columns[6], np.uint8, edges),
        truncated=said["truncated"],
    )
    ids = None
    if said["named"]:
        ids = tuple(columns[7].decode().split("\0")) if nodes else ()
    return Closure(question, epoch, graph, dict(map(tuple, said["starts"])), made=said["made"]), ids


def _steps(column: Column) -> Column:
    return np.diff(column, prepend=column.dtype.type(0))


def _packed(column: Column) -> bytes:
    """Whole numbers as 4 or 8 bytes each, all first bytes before all second ones, and so on; the first byte says which."""
    wide = 8 if len(column) and (int(column.max()) >= 2**31 or int(column.min()) < -(2**31)) else 4
    return bytes((wide,)) + column.astype(f"<i{wide}").view(np.uint8).reshape(-1, wide).T.tobytes()


def _unpacked(packed: bytes, count: int) -> Column:
    wide = packed[0]
    grouped = np.frombuffer(packed, np.uint8, count * wide, 1).reshape(wide, count)
    return np.ascontiguousarray(grouped.T).view(f"<i{wide}").reshape(count)
