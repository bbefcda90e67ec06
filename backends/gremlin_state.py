"""Where a Gremlin store is: its state, and what is announced and not yet known to be done. Pure.

The state is one text in one property, moved on under a lock, once a turn: a turn is one group of writes. With it goes, in
the same row and so at once, the announcement of that turn, which counts until the turn is closed. So whoever finds it closed
reads the state as it is, and whoever finds it open reads the state before it, unless it has looked at what the turn touches:
then it cannot tell, and reads again.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Self
from uuid import uuid4

import orjson

from backends.changes import LogOp, LogRow
from backends.decide import LogEntry
from backends.model import Epoch, Json
from backends.rows import chain

GENESIS: Final = Epoch(0, chain(0, (0,)))
MANY: Final = 2_000
"""Ids that an announcement names at most; one of more says that anything may be touched."""


def token() -> str:
    """A name for a turn or for who holds it, of which there are no two."""
    return uuid4().hex[:12]


@dataclass(frozen=True, slots=True)
class State:
    """`turn` is the latest, `token` its name, `owner` who does what it announced, `number` that of the next node."""

    store: str
    turn: int
    token: str
    owner: str
    epoch: Epoch
    number: int
    watermark: int | None

    @classmethod
    def first(cls) -> Self:
        """That of an empty store."""
        return cls(uuid4().hex, 0, "-", "-", GENESIS, 0, None)

    @classmethod
    def parse(cls, text: str) -> Self:
        store, turn, name, owner, seq, chained, number, watermark = text.split(" ")
        epoch = Epoch(int(seq), int(chained))
        return cls(store, int(turn), name, owner, epoch, int(number), None if watermark == "-" else int(watermark))

    def __str__(self) -> str:
        watermark = "-" if self.watermark is None else self.watermark
        epoch = self.epoch
        who = f"{self.store} {self.turn} {self.token} {self.owner}"
        return f"{who} {epoch.seq} {epoch.chain} {self.number} {watermark}"

    @property
    def revision(self) -> int | None:
        """What `LogPage.revision` says: each turn has a name of its own. None before the first."""
        return None if self.token == "-" else int(self.token, 16)

    def taken_over(self) -> "State":
        """The same turn, done by somebody else."""
        return replace(self, owner=token())


class Announced(NamedTuple):
    """What a turn says it does: the state before it, the rows it adds to the log, and the ids of all nodes and records it
    touches and the names of shelves (None: any), and how many parts are left to do."""

    before: State
    rows: tuple[LogRow, ...]
    touched: frozenset[str] | None
    left: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        said = orjson.loads(text)
        before = State.parse(said["before"])
        touched = None if said["touched"] is None else frozenset(said["touched"])
        return cls(before, rows_of(said["rows"], before.epoch.seq), touched, said["left"])

    def text(self, *, left: int = 0) -> str:
        """As it is stored. `left` is how many parts are still to do: whoever waits sees that it goes on."""
        touched = None if self.touched is None or len(self.touched) > MANY else sorted(self.touched)
        rows: Json = [row[1:] for row in self.rows]
        said = {"before": str(self.before), "rows": rows, "touched": touched, "left": left}
        return orjson.dumps(said).decode()


class Head(NamedTuple):
    """The state as it was read, and what was announced then."""

    state: State
    announced: Announced | None

    @classmethod
    def parse(cls, state: str, announced: str) -> Self:
        return cls(State.parse(state), Announced.parse(announced) if announced else None)

    @property
    def known(self) -> State:
        """The newest state that is known to be whole."""
        return self.state if self.announced is None else self.announced.before

    def touches(self, what: Collection[str] | None) -> bool:
        """Whether what is announced touches any of these ids and shelves; None stands for all."""
        if self.announced is None:
            return False
        touched = self.announced.touched
        return touched is None or what is None or not touched.isdisjoint(what)


class Batch(NamedTuple):
    """An entry of the log: the rows of one turn, and the epoch before them."""

    before: Epoch
    rows: tuple[LogRow, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        seq, chained, rows = orjson.loads(text)
        return cls(Epoch(seq, chained), rows_of(rows, seq))

    def text(self) -> str:
        return orjson.dumps((self.before.seq, self.before.chain, [row[1:] for row in self.rows])).decode()


def rows_of(rows: Iterable[Json], after: int) -> tuple[LogRow, ...]:
    """Rows as they are stored, from the seq after that on."""
    return tuple(LogRow(seq, LogOp(row[0]), *row[1:]) for seq, row in enumerate(rows, after + 1))


def log_rows(entries: Iterable[LogEntry], after: int) -> tuple[LogRow, ...]:
    """New rows, from the seq after that on."""
    return tuple(LogRow(seq, e.op, e.code, e.source, e.target, e.id) for seq, e in enumerate(entries, after + 1))


def chained(epoch: Epoch, rows: Iterable[LogRow]) -> Epoch:
    """The epoch after some rows."""
    for row in rows:
        epoch = Epoch(row.seq, chain(epoch.chain, row[1:]))
    return epoch
