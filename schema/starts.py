"""Where traversals start: what stands for a job, a run, or a dataset where fields are meant."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field

from backends.ids import Kind, kind_of, namespace_of
from backends.model import EDGE_KINDS, Direction, EdgeKind, Subgraph
from schema.drive import Ask, Got, Reader
from schema.graft import Ends
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


def starts_of(reader: Reader, entities: Sequence[str], *, columns: Iterable[str] = ()) -> Generator[Ask, Got, Starts]:
    """Where to start from for these entities; those in `columns` stand for their fields. One traversal for all of them."""
    fielded = set(columns)
    starts = Starts()
    members = [each for each in entities if kind_of(each) is Kind.JOB or (each in fielded and kind_of(each) in _DATA)]
    found: dict[str, list[str]] = {}
    if members:
        kinds = {EdgeKind.HAS_OPERATION if kind_of(each) is Kind.JOB else EdgeKind.HAS_COLUMN for each in members}
        turn = Turn(Direction.DOWNSTREAM, columns=False)
        got = yield Ask(wanted=[Wanted(frozenset(members), turn, Reach(1, frozenset(kinds)))])
        found = children(got.subgraphs[0], members, frozenset(kinds))
    runs = [each for each in entities if kind_of(each) is Kind.RUN]
    if runs:
        if any(each not in reader.store.nodes for each in runs):
            yield Ask(look=set(runs))
        named = {each for run in runs for key in ("inputs", "outputs") for each in named_by(reader, run, key)}
        if named:
            yield Ask(look=named)
    for each in entities:
        if each in found:
            starts.of[each] = tuple(found[each])
        elif kind_of(each) is Kind.RUN:
            starts.runs[each] = _ends(reader, each)
        else:
            starts.of[each] = (each,)
    return starts


def children(subgraph: Subgraph, parents: Iterable[str], kinds: frozenset[EdgeKind]) -> dict[str, list[str]]:
    """For each parent that has any the targets of its edges of these kinds, in order of ids."""
    of = {row: node_id for node_id, row in rows_of(subgraph, parents).items()}
    found: dict[str, list[str]] = {}
    ids = subgraph.ids
    edges = zip(subgraph.sources.tolist(), subgraph.edge_kinds.tolist(), subgraph.targets.tolist(), strict=True)
    for source, code, target in edges:
        if source in of and EDGE_KINDS[code] in kinds:
            found.setdefault(of[source], []).append(ids[target])
    return {parent: sorted(each) for parent, each in found.items()}


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
