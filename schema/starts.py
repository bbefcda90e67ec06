"""Where traversals start: what stands for a job, a run, or a dataset where fields are meant."""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from backends.ids import Kind, kind_of, namespace_of
from backends.model import Direction, EdgeKind, Subgraph
from schema.drive import Ask, Got, Reader
from schema.graft import Ends
from schema.plan import Step
from schema.together import Wanted
from schema.turns import Reach, Turn
from schema.view import rows_of

_DATA = (Kind.DATASET, Kind.ASSET)


@dataclass(slots=True)
class Starts:
    """For each entity asked about the ids to start from: itself, a job's operations, a dataset's columns where fields are
    meant. `runs` are those among them, to be grafted between their own datasets; they are no starts themselves."""

    of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    runs: dict[str, Ends] = field(default_factory=dict)

    def ids(self, entities: Iterable[str], direction: Direction) -> set[str]:
        """What to traverse from."""
        found: set[str] = set()
        for each in entities:
            if each in self.runs:
                ends = self.runs[each]
                found.update(ends.inputs if direction is not Direction.DOWNSTREAM else ())
                found.update(ends.outputs if direction is not Direction.UPSTREAM else ())
            else:
                found.update(self.of[each])
        return found


@dataclass(slots=True)
class Members:
    """What stands for entities: operations for jobs, columns for datasets, its own datasets for a run."""

    of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ends: dict[str, Ends] = field(default_factory=dict)

    def starts(self, entities: Iterable[str], *, columns: bool) -> Starts:
        """Where these start; datasets from their columns if fields are meant. What nothing stands for starts itself."""
        starts = Starts()
        for each in entities:
            if each in self.ends:
                starts.runs[each] = self.ends[each]
            elif stands_for_others(each, columns=columns):
                starts.of[each] = self.of.get(each) or (each,)
            else:
                starts.of[each] = (each,)
        return starts


def stands_for_others(node_id: str, *, columns: bool) -> bool:
    """Whether an entity stands for others, met along HAS_OPERATION or HAS_COLUMN."""
    kind = kind_of(node_id)
    return kind is Kind.JOB or (columns and kind in _DATA)


def members_of(reader: Reader, entities: Iterable[str], fielded: Iterable[str] = ()) -> Generator[Ask, Got, Members]:
    """What stands for these entities, for the datasets in `fielded` too: one traversal for all of them, and for runs the
    look-up of the datasets that they name."""
    asked, meant = set(entities), set(fielded)
    members = Members()
    parents = {each for each in asked | meant if stands_for_others(each, columns=each in meant)}
    if parents:
        kinds = {EdgeKind.HAS_OPERATION if kind_of(each) is Kind.JOB else EdgeKind.HAS_COLUMN for each in parents}
        turn = Turn(Direction.DOWNSTREAM, columns=kinds == {EdgeKind.HAS_COLUMN})
        got = yield Ask(wanted=[Wanted(frozenset(parents), turn, Reach(1, frozenset(kinds)))])
        subgraph = got.subgraphs[0]
        at = {each: {row} for each, row in rows_of(subgraph, parents).items()}
        for kind in sorted(kinds):
            for each, rows in stepped(subgraph, at, Step(Direction.DOWNSTREAM, kind)).items():
                members.of[each] = (*members.of.get(each, ()), *sorted(subgraph.ids[row] for row in rows))
    runs = {each for each in asked if kind_of(each) is Kind.RUN}
    if unread := {each for each in runs if each not in reader.store.nodes}:
        yield Ask(look=unread)
    if named := {each for run in runs for key in ("inputs", "outputs") for each in named_by(reader, run, key)}:
        yield Ask(look=named)
    members.ends = {run: _ends(reader, run) for run in runs}
    return members


def stepped(subgraph: Subgraph, at: Mapping[str, set[int]], step: Step) -> dict[str, set[int]]:
    """For each parent the rows one step away from its rows."""
    near, far = subgraph.sources, subgraph.targets
    if step.direction is Direction.UPSTREAM:
        near, far = far, near
    begun = np.zeros(len(subgraph), np.bool_)
    begun[[row for rows in at.values() for row in rows]] = True
    chosen = (subgraph.edge_kinds == step.edge_kind.code) & begun[near]
    of: dict[int, list[int]] = {}
    for row, other in zip(near[chosen].tolist(), far[chosen].tolist(), strict=True):
        of.setdefault(row, []).append(other)
    return {parent: {other for row in rows for other in of.get(row, ())} for parent, rows in at.items()}


def named_by(reader: Reader, node_id: str, key: str) -> tuple[str, ...]:
    """The ids that an attribute of a record names, as the events said them."""
    node = reader.store.nodes.get(node_id)
    said = node.attributes.get(key) if node is not None else None
    return tuple(each for each in said if isinstance(each, str)) if isinstance(said, list | tuple) else ()


def resolved(reader: Reader, ids: Iterable[str]) -> tuple[str, ...]:
    """The nodes these names stand for, each once, in order of ids; what is unknown stays as it was said."""
    nodes = reader.store.nodes
    return tuple(sorted({node.id if (node := nodes.get(each)) is not None else each for each in ids}))


def _ends(reader: Reader, run: str) -> Ends:
    node = reader.store.nodes.get(run)
    job = node.attributes.get("job") if node is not None else None
    return Ends(
        resolved(reader, named_by(reader, run, "inputs")),
        resolved(reader, named_by(reader, run, "outputs")),
        namespace_of(job if isinstance(job, str) else run),
    )
