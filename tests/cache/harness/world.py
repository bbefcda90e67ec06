"""A small graph that is written to where it is read most: a funnel of tables and operations, a few columns, a model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from backends.base import LineageBackend
from backends.changes import Changes, NodeChange
from backends.errors import BackendError
from backends.ids import Kind, make_id
from backends.model import CONTEXT, FLOW, MAX_NODES, Direction, EdgeKey, EdgeKind, Epoch, Traversal
from backends.testing.graphs import stated, withdrawn

TABLES, OPERATIONS = 24, 20
NEVER = make_id(Kind.DATASET, "hot", "late")
"""A table that is unknown at first, comes and goes, and is asked for all the time."""


def table(number: int) -> str:
    return make_id(Kind.DATASET, "hot", f"t{number}")


def task(number: int) -> str:
    return make_id(Kind.OPERATION, "hot", f"o{number}", f"{number:016x}")


def reads(source: int, target: int) -> EdgeKey:
    return EdgeKey(table(source), EdgeKind.INPUT_TO, task(target))


def writes(source: int, target: int) -> EdgeKey:
    return EdgeKey(task(source), EdgeKind.PRODUCES, table(target))


def layer(number: int) -> int:
    """Of a table: 0 to 5, four in each."""
    return number // 4


def first_graph() -> Changes:
    """Each operation reads two tables of a layer and writes one of the next."""
    rng = Random(7)
    keys: list[EdgeKey] = []
    for number in range(OPERATIONS):
        at = number // 4
        keys += [reads(4 * at + rng.randrange(4), number) for _ in range(2)]
        keys.append(writes(number, 4 * (at + 1) + rng.randrange(4)))
    user = EdgeKey(make_id(Kind.USER, "people", "ana"), EdgeKind.PERFORMED, task(0))
    return stated(dict.fromkeys([*keys, user]), also=[table(number) for number in range(TABLES)])


def questions() -> list[Traversal]:
    """From above, from below, from the middle; whole, with depths, cut; of nodes that come and go."""
    asked = []
    for root in (0, 1, 5, 9, 13, 22):
        for direction in Direction:
            for depth in (None, 1, 2, 3):
                asked.append(Traversal({table(root): 0}, direction, depth))
    for direction in Direction:
        asked.append(Traversal({NEVER: 0, table(6): 1}, direction, 4))
        asked.append(Traversal({NEVER: 0}, direction))
        asked += [Traversal({task(9): 0}, direction, depth, FLOW | CONTEXT) for depth in (None, 1, 2, 3)]
        asked += [Traversal({table(root): 0}, direction, max_nodes=most) for root in (8, 9, 13) for most in (3, 6)]
        asked.append(Traversal({table(4): 0, table(17): 3}, direction, 5, max_nodes=9))
    assert all(each.max_nodes <= MAX_NODES for each in asked)
    return asked


@dataclass(slots=True)
class Writing:
    """A writer's state: what it stated and has not withdrawn."""

    rng: Random
    name: str
    stands: list[EdgeKey] = field(default_factory=list)
    made: int = 0
    hidden: bool = True
    turns: bool = False
    works: bool = False

    def next(self) -> Changes:
        """A write, nearly always one that changes the topology among the tables asked for."""
        rng = self.rng
        match rng.choice(["edge", "edge", "edge", "less", "less", "less", "between", "late", "user", "around"]):
            case "less" if self.stands:
                key = self.stands.pop(rng.randrange(len(self.stands)))
                return withdrawn([key], tally=self.name)
            case "between":
                self.made += 1
                new = make_id(Kind.OPERATION, "hot", f"{self.name}{self.made}", f"{self.made:016x}")
                at = rng.randrange(5)
                keys = [
                    EdgeKey(table(4 * at + rng.randrange(4)), EdgeKind.INPUT_TO, new),
                    EdgeKey(new, EdgeKind.PRODUCES, table(4 * at + 4 + rng.randrange(4))),
                ]
                self.stands += keys
                return stated(keys, tally=self.name)
            case "late":
                self.hidden = not self.hidden
                keys = [EdgeKey(NEVER, EdgeKind.INPUT_TO, task(rng.randrange(OPERATIONS)))]
                change = stated(keys, tally=self.name)
                late = NodeChange(NEVER, withdrawn=self.hidden)
                return Changes(change.at, (*change.nodes, late), change.edges)
            case "around":
                self.turns = not self.turns
                keys = [writes(number, number - 16) for number in range(16, 20)]
                return (stated if self.turns else withdrawn)(keys, tally="around")
            case "user":
                self.works = not self.works
                key = EdgeKey(make_id(Kind.USER, "people", self.name), EdgeKind.PERFORMED, task(9))
                return (stated if self.works else withdrawn)([key], tally=self.name)
        number = rng.randrange(OPERATIONS)
        at = number // 4
        key = rng.choice([reads(4 * at + rng.randrange(4), number), writes(number, 4 * at + 4 + rng.randrange(4))])
        self.stands.append(key)
        return stated([key], tally=self.name)


async def write_one(backend: LineageBackend, writing: Writing) -> Epoch:
    return await backend.apply(writing.next())


def hot(rng: Random, asked: Sequence[Traversal]) -> int:
    """The number of a question; half of the time one of a few."""
    return rng.randrange(4 if rng.random() < 0.5 else len(asked)) * 7 % len(asked)


__all__ = ["BackendError", "Writing", "first_graph", "hot", "questions", "write_one"]
