"""Ids of nodes: readable, unambiguous, reversible.

`kind:part#part`, where `%` and `#` inside a part are percent-encoded and nothing else is:

>>> make_id(Kind.DATASET, "postgres://prod:5432", "sales.public.orders")
'dataset:postgres://prod:5432#sales.public.orders'
>>> split_id("column:ns#a%23b#c")
(<Kind.COLUMN: 'COLUMN'>, ('ns', 'a#b', 'c'))

Ids are compared as UTF-8 bytes everywhere (Python compares code points, which orders the same).
"""

from collections.abc import Sequence
from enum import StrEnum

MAX_ID_BYTES = 2000


class Kind(StrEnum):
    """What a node is. The kinds after ASSET are records of ours: stored beside the graph, never shown."""

    DATASET = "DATASET"
    COLUMN = "COLUMN"
    JOB = "JOB"
    OPERATION = "OPERATION"
    RUN = "RUN"
    MODEL = "MODEL"
    HYPERPARAMETERS = "HYPERPARAMETERS"
    METRICS = "METRICS"
    PREDICTION = "PREDICTION"
    USER = "USER"
    SYSTEM = "SYSTEM"
    ASSET = "ASSET"
    STATE = "STATE"
    PICTURE = "PICTURE"
    TALLY = "TALLY"

    @property
    def code(self) -> int:
        """A small number for arrays and files; never renumbered."""
        return _CODES[self]

    @property
    def a(self) -> str:
        """The kind with its article, for sentences: `a dataset`, `an asset`."""
        return f"{'an' if self[0] in 'AEIOU' and self is not Kind.USER else 'a'} {self.lower()}"

    @property
    def is_record(self) -> bool:
        """Runs and our own records: versioned documents that no edge joins and no traversal meets."""
        return self in _RECORDS


KINDS: tuple[Kind, ...] = tuple(Kind)
_CODES = {kind: code for code, kind in enumerate(KINDS)}
_RECORDS = frozenset({Kind.RUN, Kind.STATE, Kind.PICTURE, Kind.TALLY})
_BY_PREFIX = {kind.lower(): kind for kind in KINDS}
_PARTS = {Kind.COLUMN: (3,), Kind.MODEL: (3,), Kind.OPERATION: (3,), Kind.RUN: (1, 3)}
_IN_TWO = frozenset(kind.lower() for kind in KINDS if kind not in _PARTS)
_ANY = {Kind.STATE, Kind.PICTURE, Kind.TALLY}


class BadId(ValueError):
    """The text is no id; the message says why, in words for the person who sent it."""


class TooLong(BadId):
    """The id would have more than 2,000 bytes."""


def encode_part(part: str) -> str:
    """One part of an id, with `%` and `#` percent-encoded."""
    if "%" in part:
        part = part.replace("%", "%25")
    return part.replace("#", "%23") if "#" in part else part


def make_id(kind: Kind, *parts: str) -> str:
    """The id of a node. Raises `BadId` for NUL, lone surrogates, and more than 2,000 bytes."""
    made = f"{kind.lower()}:{'#'.join(map(encode_part, parts))}"
    check_text(made)
    return made


def check_text(text: str) -> None:
    """Raises `BadId` unless `text` can be the id of a node as far as its characters and length go."""
    if "\0" in text:
        raise BadId("an id cannot hold the character NUL")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise BadId("an id cannot hold half of a surrogate pair") from None
    if size > MAX_ID_BYTES:
        raise TooLong(f"an id has at most {MAX_ID_BYTES} bytes of UTF-8, this one has {size}")


def kind_of(node_id: str) -> Kind:
    """The kind that an id begins with. Raises `BadId`."""
    prefix, colon, _ = node_id.partition(":")
    kind = _BY_PREFIX.get(prefix)
    if kind is None or not colon:
        raise BadId("an id begins with its kind: dataset:namespace#name")
    return kind


def split_id(node_id: str) -> tuple[Kind, tuple[str, ...]]:
    """The kind and the decoded parts of an id. Raises `BadId`."""
    kind = kind_of(node_id)
    check_text(node_id)
    raw = node_id.partition(":")[2].split("#")
    if kind not in _ANY and len(raw) not in _PARTS.get(kind, (2,)):
        wanted = " or ".join(map(str, _PARTS.get(kind, (2,))))
        raise BadId(f"the id of {kind.a} has {wanted} parts joined by '#', this one has {len(raw)}")
    return kind, tuple(_decode_part(part) for part in raw)


def _decode_part(part: str) -> str:
    if "%" not in part:
        return part
    plain = part.replace("%23", "#").replace("%25", "%")
    if encode_part(plain) != part:
        raise BadId("in an id, '%' is written %25 and '#' is written %23; nothing else is encoded")
    return plain


def namespace_of(node_id: str) -> str:
    """The namespace in an id; empty for a run whose id is a UUID (its namespace is that of its job)."""
    part, mark, _ = node_id.partition(":")[2].partition("#")
    if not mark:
        return ""
    return part if "%" not in part else _decode_part(part)


def name_of(node_id: str) -> str:
    """The name in an id: the field of a column, the job of an operation, the run id of a run.

    >>> name_of("column:ns#orders#id"), name_of("operation:ns#job#0123456789abcdef"), name_of("model:ns#churn#3")
    ('id', 'job', 'churn')
    """
    prefix, _, rest = node_id.partition(":")
    parts: Sequence[str] = rest.split("#")
    if len(parts) == 2 and prefix in _IN_TWO and "%" not in rest:
        return parts[1]  # as most are, and answers name thousands
    kind = kind_of(node_id)
    if "%" in node_id or len(parts) not in _PARTS.get(kind, (2,)):
        _, parts = split_id(node_id)
    if kind is Kind.OPERATION:
        return parts[1] or parts[2]
    return parts[-1] if kind in (Kind.COLUMN, Kind.RUN) else parts[1]


def job_of(operation_id: str) -> str | None:
    """The id of the job an operation belongs to; None where a dataset event alone declared the derivation."""
    namespace, job, _ = operation_id.partition(":")[2].split("#")
    return f"job:{namespace}#{job}" if job else None


def dataset_of(column_id: str) -> str:
    """The id of the dataset a column belongs to."""
    return "dataset:" + column_id.partition(":")[2].rpartition("#")[0]


def column_id(dataset_id: str, field: str) -> str:
    """The id of a field of a dataset. Raises `BadId`."""
    made = f"column:{dataset_id.partition(':')[2]}#{encode_part(field)}"
    check_text(made)
    return made
