"""From a `Traversal` to what its script is asked, and from its answer to a `Subgraph`. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backends.changes import LogRow, Topology
from backends.gremlin_places import BETWEEN, log_place, log_shelves
from backends.gremlin_rows import may_be_node
from backends.gremlin_state import Batch, Head
from backends.gremlin_store import Reply
from backends.ids import KINDS, namespace_of
from backends.model import Direction, Epoch, Json, Subgraph, Traversal

DEEPEST: Final = 2**31 - 1
MOST: Final = 2**62
NODE: Final = np.dtype([("number", ">i8"), ("depth", ">i4"), ("reached", ">i4")])
NONE: Final = 255


def _edge_codes() -> NDArray[np.uint8]:
    table = np.full((len(KINDS), len(KINDS)), NONE, np.uint8)
    for (source, target), kind in BETWEEN.items():
        table[source.code, target.code] = kind.code
    return table


EDGE_CODES: Final = _edge_codes()
"""The code of the edge kind between two kinds of nodes, by their codes."""
_KIND_CODES: Final = {kind.lower(): kind.code for kind in KINDS}


def asked(traversal: Traversal, seq: int) -> dict[str, Json]:
    """What the script is asked; `seq` is the latest place of the log that is known."""
    down = traversal.direction is not Direction.UPSTREAM
    up = traversal.direction is not Direction.DOWNSTREAM
    deepest = DEEPEST if traversal.max_depth is None else min(traversal.max_depth, DEEPEST)
    return {
        # Pairs: the server reads an object of many names by the square of their number.
        "roots": [(i, min(depth, DEEPEST - 1)) for i, depth in traversal.roots.items() if may_be_node(i)],
        "down": down,
        "up": up,
        "deepest": deepest,
        "most": min(traversal.max_nodes, MOST),
        "kinds": sorted(kind.value for kind in traversal.edge_kinds),
        "log": log_shelves(seq, 2),
        "place": log_place(seq),
    }


def subgraph(epoch: Epoch, parts: Sequence[Any]) -> Subgraph:
    """The answer: ids, nodes, pairs of places, whether it was cut."""
    ids = tuple(parts[0].split("\0")[:-1])
    nodes = np.frombuffer(parts[1], NODE)
    pairs = np.frombuffer(parts[2], ">i4").astype(np.int32).reshape(-1, 2)
    kinds = np.array([_KIND_CODES[node_id[: node_id.index(":")]] for node_id in ids], np.uint8)
    names: dict[str, int] = {}
    namespaces = [names.setdefault(namespace_of(node_id), len(names)) for node_id in ids]
    sources, targets = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
    return Subgraph(
        epoch=epoch,
        numbers=nodes["number"].astype(np.int64),
        kinds=kinds,
        depths=nodes["depth"].astype(np.int32),
        reached=nodes["reached"].astype(np.uint8),
        namespaces=np.array(namespaces, np.int32),
        namespace_names=tuple(names),
        ids=ids,
        sources=sources,
        targets=targets,
        edge_kinds=EDGE_CODES[kinds[sources], kinds[targets]],
        truncated=bool(parts[3]),
    )


def is_torn(roots: Mapping[str, int], reply: Reply) -> bool:
    """Whether something was written beside the reading that it looked at, so that the answer may be of no one moment. It
    is, unless the log tells of every change since, and of none at an edge or a node that was looked at."""
    before, after = reply.before, reply.after
    if before == after and before.announced is None:
        return False
    numbers, entries = reply.parts[4], reply.parts[5]
    if numbers is None:
        return True
    rows: list[LogRow] = []
    seq = before.known.epoch.seq
    for text in entries.split("\0")[:-1]:
        rows += [row for row in Batch.parse(text).rows if seq + len(rows) < row.seq <= after.known.epoch.seq]
    if seq + len(rows) != after.known.epoch.seq:
        return True
    looked_at = set(np.frombuffer(numbers, ">i8").tolist())
    return any(
        row.source in looked_at or row.target in looked_at or row.id in roots
        for row in (*rows, *_open(before), *_open(after))
    )


def _open(head: Head) -> tuple[LogRow, ...]:
    return () if head.announced is None else head.announced.rows


def topology(parts: Sequence[Any]) -> Topology:
    """A page of nodes and the edges from them: ids, numbers, pairs of numbers, the codes of the edges' kinds."""
    ids = tuple(parts[0].split("\0")[:-1])
    pairs = np.frombuffer(parts[2], ">i8").astype(np.int64).reshape(-1, 2)
    return Topology(
        numbers=np.frombuffer(parts[1], ">i8").astype(np.int64),
        kinds=np.array([_KIND_CODES[node_id[: node_id.index(":")]] for node_id in ids], np.uint8),
        ids=ids,
        sources=np.ascontiguousarray(pairs[:, 0]),
        edge_kinds=np.frombuffer(parts[3], np.uint8),
        targets=np.ascontiguousarray(pairs[:, 1]),
    )
