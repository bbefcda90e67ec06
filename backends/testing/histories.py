"""Random writes and random questions. Few ids, few times and few values, so that everything meets everything.

All randomness comes from the `Random` that is passed in, so a case is known by its seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from backends.changes import Adjacent, Changes, EdgeChange, NodeChange, NodeFilter, Order, RecordChange
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import CONTEXT, EDGE_KINDS, ENDS, FLOW, MAX_NODES, Direction, EdgeKey, EdgeKind, Json, Stamped, Traversal
from backends.testing.graphs import column

IDS: tuple[str, ...] = (
    *(make_id(Kind.DATASET, "db", name) for name in ("orders", "raw.orders", "Orders", "mart/orders 2", "%#")),
    *(make_id(Kind.DATASET, "\U0001f986%#", name) for name in ("\uff61", "\U00010000")),
    make_id(Kind.DATASET, "db2", "orders"),
    *(make_id(Kind.COLUMN, "db", "orders", name) for name in ("id", "total", "\u00e9")),
    *(make_id(Kind.OPERATION, "etl", name, "0123456789abcdef") for name in ("load", "join", "")),
    make_id(Kind.JOB, "etl", "load"),
    make_id(Kind.MODEL, "ml", "churn", "1"),
    make_id(Kind.MODEL, "ml", "churn", "2"),
    make_id(Kind.PREDICTION, "ml", "p"),
    make_id(Kind.HYPERPARAMETERS, "ml", "h"),
    make_id(Kind.METRICS, "ml", "m"),
    make_id(Kind.USER, "people", "ana"),
    make_id(Kind.SYSTEM, "", "spark"),
    make_id(Kind.ASSET, "bi", "orders board"),
    make_id(Kind.ASSET, "bi", "board"),
)
RECORDS: tuple[str, ...] = (
    make_id(Kind.RUN, "7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10"),
    make_id(Kind.RUN, "etl", "load", "manual %"),
    make_id(Kind.STATE, "etl#load"),
    make_id(Kind.PICTURE, "etl#load", "p1"),
    make_id(Kind.TALLY, "t1"),
    make_id(Kind.TALLY, "t2"),
)
UNKNOWN = (make_id(Kind.DATASET, "db", "never"), make_id(Kind.OPERATION, "db", "never", "0"), make_id(Kind.RUN, "never"))
TALLIES = ("by hand", "''", *RECORDS[-2:])
GROUPS = (make_id(Kind.JOB, "etl", "load"), "parent:run:x")
EDGES: tuple[EdgeKey, ...] = tuple(
    EdgeKey(source, kind, target)
    for kind in EDGE_KINDS
    if kind is not EdgeKind.MENTIONS
    for source in IDS
    for target in IDS
    if source.partition(":")[0].upper() in ENDS[kind][0] and target.partition(":")[0].upper() in ENDS[kind][1]
) + tuple(EdgeKey(source, EdgeKind.MENTIONS, IDS[0]) for source in IDS)
VALUES: tuple[Json, ...] = (None, 1, 1.0, True, "a", "b", [1], ["x", "y"], ["x"], {"k": 1}, {"k": [None]}, "", "\0", 0.1)
NAMESPACES = ("db", "db2", "etl", "\U0001f986%#", "")
TAGS = ("x", "y", "xx")
TEXTS = (
    "orders",
    "ORD",
    "raw.o",
    "mart/orders",
    "db orders",
    "x",
    "load",
    "churn 2",
    "%#",
    "\uff61",
    "spark",
    "board",
    "dataset:db#orders",
    "e",
    "1",
)
CONDITIONS = ("", "", "text", "text", "kinds", "namespace", "tags", "adjacent", "text tags", "adjacent kinds")
LATEST = 8
"""Of the times in a history; few, so that many fall together."""


@dataclass(frozen=True, slots=True)
class Step:
    """A write. `versions` says of ids by how much to miss their version (0: it is expected as it is), `names` whether to
    state what a name stands for truly. The backends have versions of their own, so each fills in what it says."""

    changes: Changes
    versions: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, bool] = field(default_factory=dict)
    twice: bool = False


def some(rng: Random, things: Sequence[str], most: int) -> list[str]:
    return rng.sample(things, rng.randint(0, min(most, len(things))))


class History:
    """Writes and questions about a cast of ids: some of all, so that the same ones are met again and again."""

    def __init__(self, rng: Random, reference: MemoryBackend) -> None:
        self.rng, self.reference = rng, reference
        self.ids = rng.sample(IDS, rng.choice([6, 10, 16]))
        self.edges = [key for key in EDGES if {key.source, key.target} <= {*self.ids}]

    def step(self) -> Step:
        """The next write, given what the reference holds by now."""
        rng, reference = self.rng, self.reference
        nodes = [self._node(node_id) for node_id in some(rng, self.ids, 4)]
        if rng.random() < 0.25:
            nodes += self._names()
        edges = [self._edge() for _ in range(rng.randint(0, 4) if self.edges else 0)]
        known = reference.rows.keys() | {node.id for node in nodes}
        ends = dict.fromkeys(end for edge in edges if edge.put for end in (edge.key.source, edge.key.target))
        # One write in twelve forgets to make an end, and must be refused whole.
        if rng.random() > 1 / 12:
            nodes += [NodeChange(end) for end in ends if end not in known]
        rng.shuffle(nodes)
        records = [_record(rng, node_id) for node_id in some(rng, RECORDS, 2)]
        watermark = rng.choice([None, rng.randint(0, LATEST)])
        changes = Changes(rng.randint(0, 99), tuple(nodes), tuple(edges), tuple(records), watermark=watermark)
        versions = {node_id: rng.choice([0, 0, 0, 0, 1, -1]) for node_id in some(rng, [*self.ids, *RECORDS], 2)}
        names = {node_id: rng.random() < 0.9 for node_id in some(rng, [*self.ids, UNKNOWN[0]], 2)}
        checked = rng.random() < 0.3
        return Step(changes, versions if checked else {}, names if checked else {}, twice=rng.random() < 0.3)

    def _node(self, node_id: str) -> NodeChange:
        rng = self.rng
        keys = some(rng, ["type", "tags", "description", "owners", "facet:x"], 3)
        said = {key: Stamped(rng.randint(0, LATEST), _value(rng, key)) for key in keys}
        first = rng.randint(0, LATEST)
        seen = rng.choice([None, (first, rng.randint(first, LATEST))])
        deleted = rng.randint(0, LATEST) if rng.random() < 0.15 else None
        return NodeChange(node_id, said, seen, deleted, rng.choice([None] * 8 + [True, False, False]))

    def _names(self) -> list[NodeChange]:
        """Two classes of one kind joined under one of their ids, or a name parted from its class. A class is one level
        deep: its members name its id, never each other."""
        rng, rows = self.rng, self.reference.rows
        classes: dict[str, list[str]] = {}
        for row in rows.values():
            classes.setdefault(row.alias_of or row.id, []).append(row.id)
        others = [row.id for row in rows.values() if row.alias_of]
        if others and rng.random() < 0.5:
            return [NodeChange(rng.choice(others), alias_of="")]
        one = rng.choice(self.ids)
        two = rng.choice([node_id for node_id in self.ids if node_id.partition(":")[0] == one.partition(":")[0]])
        reps = [rows[node_id].alias_of or node_id if node_id in rows else node_id for node_id in (one, two)]
        if reps[0] == reps[1]:
            return []
        rep = rng.choice([*reps, min(reps)])
        members = [member for old in reps for member in classes.get(old, [old])]
        return [NodeChange(member, alias_of="" if member == rep else rep) for member in members]

    def _edge(self) -> EdgeChange:
        rng, known = self.rng, self.reference.edges
        standing = [key for key, edge in known.items() if edge.tallies]
        drops = bool(standing) and rng.random() < 0.35
        kind = rng.choice(sorted({key.kind for key in self.edges}))
        key = rng.choice(standing) if drops else rng.choice([key for key in self.edges if key.kind is kind])
        put = {tally: _facts(rng) for tally in some(rng, TALLIES, 2)} if not drops or rng.random() < 0.2 else {}
        drop = [*known[key].tallies] if drops and rng.random() < 0.6 else some(rng, TALLIES, 1)
        return EdgeChange(key, put, frozenset(drop))

    def question(self, deepest: int | None) -> Traversal:
        """A traversal of what there is. `deepest` is what the backend can do."""
        return random_traversal(self.rng, list(self.reference.rows) or self.ids, deepest)

    def filter(self) -> tuple[NodeFilter, Order]:
        """A list to ask for, and its order: as a rule one that is not empty."""
        rng = self.rng
        if rng.random() < 0.3:
            kinds = rng.choice([None, None, frozenset({Kind.RUN})])
            return NodeFilter(kinds=kinds, group=rng.choice(GROUPS)), rng.choice([Order.NEWEST, Order.ID])
        key = rng.choice(list(self.reference.edges) or self.edges or EDGES)
        near = rng.choice(
            [Adjacent(key.source, key.kind, Direction.DOWNSTREAM), Adjacent(key.target, key.kind, Direction.UPSTREAM)]
        )
        conditions = rng.choice(
            ["", "", "text", "text", "kinds", "namespace", "tags", "adjacent", "text tags", "adjacent kinds"]
        )
        where = NodeFilter(
            text=rng.choice(TEXTS) if "text" in conditions else rng.choice([None, ""]),
            kinds=frozenset({Kind.DATASET, rng.choice([Kind.COLUMN, Kind.ASSET])}) if "kinds" in conditions else None,
            namespace=rng.choice(NAMESPACES) if "namespace" in conditions else None,
            tags=frozenset(rng.sample(TAGS, rng.randint(1, 2))) if "tags" in conditions else frozenset(),
            adjacent=near if "adjacent" in conditions else None,
        )
        return where, rng.choice([Order.ID, Order.RELEVANCE])


def _value(rng: Random, key: str) -> Json:
    if key == "tags":
        return rng.choice([None, [], ["x"], ["y", "x"], ["xx"], ["xx", "y"]])
    if key in ("description", "owners"):
        return rng.choice([None, "about orders", "X marks\tthe spot", ["ana", "bo"] if key == "owners" else ""])
    return rng.choice(VALUES)


def _facts(rng: Random) -> dict[str, Json]:
    steps = [
        {"type": "DIRECT", "subtype": rng.choice("AB"), "masking": rng.random() < 0.5} for _ in range(rng.randint(0, 2))
    ]
    facts: dict[str, Json] = {
        "origin": rng.choice(["run event", "client", "inferred"]),
        "confidence": rng.choice([1.0, 0.8, 0.5]),
        "runs": rng.randint(0, 5),
        "first": rng.randint(0, 5),
        "last": rng.randint(5, LATEST),
        "last_run": rng.choice(RECORDS[:2]),
        "transformations": steps[: rng.randint(0, 2)],
    }
    return {key: facts[key] for key in some(rng, list(facts), len(facts))}


def _record(rng: Random, node_id: str) -> RecordChange:
    value: dict[str, Json] | None
    if node_id.startswith("tally:"):
        counts = {"runs": rng.randint(0, 9), "completed": 0, "first": rng.randint(0, 5), "last": rng.randint(5, LATEST)}
        value = {**counts, "last_run": rng.choice(RECORDS[:2])}
    else:
        value = (
            {key: rng.choice(VALUES) for key in some(rng, ["state", "error", "facets"], 3)} if rng.random() > 0.2 else None
        )
    return RecordChange(node_id, value, tuple(some(rng, GROUPS, 2)), rng.randint(-2, 2))


def random_traversal(rng: Random, ids: Sequence[str], deepest: int | None = None) -> Traversal:
    """A question about a graph of these ids. `deepest` is what the backend can do."""
    depths = [0, 0, 1, 1, 2, 3, 4, 6, None]
    depth = rng.choice([depth for depth in depths if deepest is None or (depth is not None and depth <= deepest)])
    roots = rng.choices([*ids, UNKNOWN[0]], k=rng.choice([1, 1, 1, 2, 3]))
    every = sorted(FLOW | CONTEXT)
    kinds = rng.choice([FLOW, FLOW, FLOW, FLOW | CONTEXT, frozenset(rng.sample(every, rng.randint(0, 6)))])
    most = rng.choice([MAX_NODES, MAX_NODES, 1, 2, 3, 5, 8])
    starts = {root: rng.choice([0, 0, 0, 0, 1, 2, 5]) for root in roots}
    return Traversal(starts, rng.choice(list(Direction)), depth, kinds, most)


def random_columns(rng: Random) -> list[EdgeKey]:
    """A graph of columns: sparse or dense, long or broad, with cycles, self-loops and parts that never meet."""
    size = rng.randint(1, 30)
    names = [rng.choice(["", "a", "B", "\uff61", "\U00010000"]) + str(n) for n in range(size)]
    count = rng.randint(0, int(size * rng.choice([0.5, 1.0, 1.5, 3.0])))
    reach = rng.choice([2, 5, size])
    pairs = {
        (n, rng.choice([n + rng.randint(0, reach), rng.randrange(size)]) % size) for n in rng.choices(range(size), k=count)
    }
    return [EdgeKey(column(names[a]), EdgeKind.DERIVES, column(names[b])) for a, b in sorted(pairs)]
