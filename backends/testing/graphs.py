"""Sample graphs, and the writes that make them.

A picture is text: `a-b b-c` is two edges from left to right. Pictures are drawn with columns, since DERIVES joins any
two of them: cycles, self-loops and shortcuts are all legal there.
"""

from collections.abc import Iterable

from backends.changes import Changes, EdgeChange, NodeChange, RecordChange
from backends.ids import MAX_ID_BYTES, Kind, make_id
from backends.model import EdgeKey, EdgeKind, Json, Stamped

AT = 1_754_000_000_000_000
"""The wall clock of the samples, in microseconds."""

ORDERS = make_id(Kind.DATASET, "shop", "orders")
JOB = make_id(Kind.JOB, "shop", "nightly")
RUN = make_id(Kind.RUN, "7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10")
STATE, PICTURE, TALLY = (make_id(kind, "orders") for kind in (Kind.STATE, Kind.PICTURE, Kind.TALLY))

CHAIN = "a-b b-c c-d"
DIAMOND = "a-b a-c b-d c-d"
SHORTCUT = "a-b b-c c-d a-c"
CYCLE = "a-b b-c c-a c-d"
SELF_LOOP = "a-b b-b b-c"
SIBLINGS = "t-x t-y u-x x-v y-w"
CROSSING = "p-q q-a a-b b-c p-c q-b"
FAN_OUT = " ".join(f"a-f{leaf:02}" for leaf in range(40))
DIAMONDS = " ".join(f"n{i}-l{i} n{i}-r{i} l{i}-n{i + 1} r{i}-n{i + 1}" for i in range(16))


def column(name: str) -> str:
    return make_id(Kind.COLUMN, "shop", "t", name)


def short(column_id: str) -> str:
    """The name in a picture of an id that `column` made."""
    return column_id.rpartition("#")[2]


def dataset(name: str, namespace: str = "shop") -> str:
    return make_id(Kind.DATASET, namespace, name)


def operation(name: str) -> str:
    return make_id(Kind.OPERATION, "shop", name, "0123456789abcdef")


def arrows(picture: str) -> list[EdgeKey]:
    """The edges of a picture.

    >>> arrows("a-b")
    [EdgeKey(source='column:shop#t#a', kind=<EdgeKind.DERIVES: 'DERIVES'>, target='column:shop#t#b')]
    """
    ends = [arrow.split("-") for arrow in picture.split()]
    return [EdgeKey(column(source), EdgeKind.DERIVES, column(target)) for source, target in ends]


def reads(source: str, target: str) -> EdgeKey:
    return EdgeKey(source, EdgeKind.INPUT_TO, target)


def writes(source: str, target: str) -> EdgeKey:
    return EdgeKey(source, EdgeKind.PRODUCES, target)


def stated(
    keys: Iterable[EdgeKey], *, also: Iterable[str] = (), tally: str = "told", at: int = AT, **facts: Json
) -> Changes:
    """The write that makes these edges, their ends and the nodes in `also`; `facts` are what the tally states."""
    keys = list(keys)
    ids = dict.fromkeys([*also, *(end for key in keys for end in (key.source, key.target))])
    return Changes(
        at=at,
        nodes=tuple(NodeChange(node_id) for node_id in ids),
        edges=tuple(EdgeChange(key, put={tally: facts}) for key in keys),
    )


def withdrawn(keys: Iterable[EdgeKey], *, tally: str = "told", at: int = AT) -> Changes:
    """The write in which a tally no longer states these edges."""
    return Changes(at=at, edges=tuple(EdgeChange(key, drop=frozenset({tally})) for key in keys))


def change(*nodes: NodeChange) -> Changes:
    return Changes(AT, nodes=nodes)


def told(node_id: str, /, **values: Json) -> Changes:
    """Says attributes of a node; `a=(5, "x")` says x at time 5."""
    return change(NodeChange(node_id, {key: Stamped(*stamped) for key, stamped in values.items()}))


def described(node_id: str, /, **attributes: Json) -> NodeChange:
    """Attributes of a node, all said at time 1."""
    return NodeChange(node_id, {key: Stamped(1, value) for key, value in attributes.items()})


def run(name: str) -> str:
    """A run of JOB."""
    return make_id(Kind.RUN, "shop", "nightly", name)


def record(record_id: str, value: Json, *groups: str, rank: int = 0) -> Changes:
    return Changes(AT, records=(RecordChange(record_id, value, groups, rank),))


def shop() -> list[EdgeKey]:
    """Two tables into a third, a model trained on that, its prediction, columns, and every kind of context edge."""
    orders, customers, mart = dataset("raw.orders"), dataset("raw.customers"), dataset("mart.customer_orders")
    join, model = operation("join"), make_id(Kind.MODEL, "ml", "churn", "3")
    order_id, mart_id = make_id(Kind.COLUMN, "shop", "raw.orders", "id"), make_id(Kind.COLUMN, "shop", "mart", "id")
    return [
        reads(orders, join),
        reads(customers, join),
        writes(join, mart),
        EdgeKey(mart, EdgeKind.USED_IN_TRAINING, model),
        EdgeKey(model, EdgeKind.GENERATED, make_id(Kind.PREDICTION, "ml", "p1")),
        EdgeKey(order_id, EdgeKind.DERIVES, mart_id),
        EdgeKey(orders, EdgeKind.HAS_COLUMN, order_id),
        EdgeKey(make_id(Kind.HYPERPARAMETERS, "ml", "h"), EdgeKind.CONFIGURED_WITH, model),
        EdgeKey(make_id(Kind.METRICS, "ml", "m"), EdgeKind.EVALUATED_WITH, model),
        EdgeKey(make_id(Kind.USER, "people", "ana"), EdgeKind.PERFORMED, join),
        EdgeKey(make_id(Kind.SYSTEM, "hosts", "spark"), EdgeKind.HOSTED, join),
        EdgeKey(make_id(Kind.JOB, "shop", "join"), EdgeKind.HAS_OPERATION, join),
    ]


def longest(kind: Kind = Kind.DATASET, letter: str = "\U0001f986") -> str:
    """An id of exactly 2,000 bytes."""
    filler = MAX_ID_BYTES - len(f"{kind.lower()}:shop#")
    wide = len(letter.encode())
    return make_id(kind, "shop", letter * (filler // wide) + "x" * (filler % wide))


ODD_NAMES = (
    "100%",
    "a#b",
    "%23",
    "%2523",
    "s3://bucket/a b/c",
    "C:\\data\\x",
    "postgres://prod:5432",
    "it's",
    'say "no"',
    "`quoted`",
    "$1 ?1 :p @p",
    "'; DROP TABLE nodes; --",
    "{a: 1}",
    "a*",
    "NOT a OR b",
    " leading",
    "trailing ",
    "tab\tnew\nline\r",
    "\x01\x1f\x7f",
    "\ufeffbom",
    "line\u2028separator",
    "e\u0301",  # NFD
    "\u00e9",  # NFC: another node
    "Stra\u00dfe",
    "STRASSE",
    "\u0130stanbul",
    "a",
    "A",
    "\u03b1",
    "\u05d0\u202e\u05d1",
    "\uff61",  # above the surrogates of UTF-16, below plane 1 in UTF-8
    "\uffff",
    *(chr(plane * 0x10000 + 0x4E00) for plane in range(17)),
    "\U0010ffff",
)
"""Names that some store, driver or collation has broken before."""

NO_IDS = ("", "\0", ":", "orders", "dataset:", "dataset:a#\ud83e", "run:\0", "nothing:a#b", "x" * 3000, "'", "column:a#b")
"""What a client may send as an id and no node can have: unknown, like any other id."""
