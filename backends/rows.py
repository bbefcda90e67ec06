"""What adapters share: how a stored node row takes a change, and how rows, tallies and log rows become values. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from secrets import randbits

from backends.changes import NodeChange, Resolution
from backends.ids import kind_of
from backends.model import Edge, EdgeKey, Evidence, Json, Node, Stamped, canonical
from backends.vocabulary import FACET


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as it is stored: what was said under this very id."""

    id: str
    number: int
    version: int
    attributes: Mapping[str, Stamped]
    first_seen: int | None = None
    last_seen: int | None = None
    deleted_at: int | None = None
    withdrawn: bool = False
    alias_of: str | None = None

    @property
    def standing(self) -> bool:
        """Whether the node is part of the current topology."""
        if self.withdrawn or self.alias_of is not None:
            return False
        return self.deleted_at is None or (self.last_seen is not None and self.last_seen > self.deleted_at)

    @property
    def resolution(self) -> Resolution:
        """What this id stands for. `Changes.resolved` is compared with that of the row which `get` of a name gives."""
        return Resolution(self.alias_of or self.id, self.deleted_at)


def changed(row: NodeRow, change: NodeChange) -> NodeRow:
    """The row after the change; the same object where the change says nothing new."""
    said = {key: stamped for key, stamped in change.attributes.items() if stamped.beats(row.attributes.get(key))}
    first, last = row.first_seen, row.last_seen
    if change.seen is not None:
        first = change.seen[0] if first is None else min(first, change.seen[0])
        last = change.seen[1] if last is None else max(last, change.seen[1])
    deleted = row.deleted_at
    if change.deleted_at is not None:
        deleted = change.deleted_at if deleted is None else max(deleted, change.deleted_at)
    withdrawn = row.withdrawn if change.withdrawn is None else change.withdrawn
    alias = row.alias_of if change.alias_of is None else (change.alias_of or None)
    if alias == row.id:
        alias = None
    new = bool(said) or alias != row.alias_of or deleted != row.deleted_at
    if not new and (first, last, withdrawn) == (row.first_seen, row.last_seen, row.withdrawn):
        return row
    attributes = {**row.attributes, **said} if said else row.attributes
    # Spelled out: `replace` takes ten times as long, and most of what a write of many nodes costs here.
    after = NodeRow(row.id, row.number, row.version + new, attributes, first, last, deleted, withdrawn, alias)
    return after if new or after.standing == row.standing else replace(after, version=row.version + 1)


def as_node(row: NodeRow, others: Sequence[NodeRow] = (), *, facets: bool) -> Node:
    """The node that `row` is, with what was said under its other names (`others`, the rows whose alias_of is this id)."""
    if not others:
        return _as_node(row, facets=facets)
    rows = (row, *sorted(others, key=lambda other: other.id))
    if facets:
        members = {each.id: each.attributes for each in rows}
    else:
        members = {each.id: {k: v for k, v in each.attributes.items() if not k.startswith(FACET)} for each in rows}
    force: dict[str, Stamped] = dict(members[row.id])
    for other in rows[1:]:
        force.update((k, v) for k, v in members[other.id].items() if v.beats(force.get(k)))
    return Node(
        id=row.id,
        kind=kind_of(row.id),
        number=row.number,
        version=row.version,
        standing=row.standing,
        attributes={key: stamped.value for key, stamped in force.items() if stamped.value is not None},
        first_seen=min((r.first_seen for r in rows if r.first_seen is not None), default=None),
        last_seen=max((r.last_seen for r in rows if r.last_seen is not None), default=None),
        deleted_at=row.deleted_at,
        aliases=tuple(other.id for other in rows[1:]),
        members=members,
    )


def _as_node(row: NodeRow, *, facets: bool) -> Node:
    """The same of a node with one name, as nearly all have: answers show thousands."""
    said = row.attributes
    if not facets and any(key.startswith(FACET) for key in said):
        said = {key: stamped for key, stamped in said.items() if not key.startswith(FACET)}
    force = {key: value for key, (_, value) in said.items() if value is not None}
    return Node(
        row.id,
        kind_of(row.id),
        row.number,
        row.version,
        row.standing,
        force,
        row.first_seen,
        row.last_seen,
        row.deleted_at,
        (),
        {row.id: said},
    )


def as_edge(
    key: EdgeKey,
    tallies: Mapping[str, Mapping[str, Json]],
    records: Mapping[str, Mapping[str, Json]],
    retracted_at: int | None,
) -> Edge:
    """The edge with its evidence, summed over its tallies; `records` holds the TALLY records there are among them."""
    if len(tallies) == 1:
        return _as_edge(key, tallies, records, retracted_at)
    weighed = [(facts, records.get(tally, facts)) for tally, facts in sorted(tallies.items())]
    last = max(weighed, key=lambda pair: (_time(pair[1], "last"), pair[1].get("last_run") or ""), default=({}, {}))
    seen = {canonical(step): step for facts, _ in weighed for step in facts.get("transformations", ())}
    evidence = Evidence(
        origin=str(last[0].get("origin", "client")),
        confidence=max((float(facts.get("confidence", 1.0)) for facts, _ in weighed), default=0.0),
        first_seen=min((counts["first"] for _, counts in weighed if counts.get("first") is not None), default=None),
        last_seen=max((counts["last"] for _, counts in weighed if counts.get("last") is not None), default=None),
        runs=sum(int(counts.get("runs", 0)) for _, counts in weighed),
        last_run=last[1].get("last_run"),
    )
    return Edge(key, tallies, evidence, tuple(seen[text] for text in sorted(seen)), retracted_at)


def _as_edge(
    key: EdgeKey,
    tallies: Mapping[str, Mapping[str, Json]],
    records: Mapping[str, Mapping[str, Json]],
    retracted_at: int | None,
) -> Edge:
    """The same of an edge that one states, as most are."""
    ((tally, facts),) = tallies.items()
    counts = records.get(tally, facts)
    steps = facts.get("transformations", ())
    if len(steps) > 1:
        seen = {canonical(step): step for step in steps}
        steps = [seen[text] for text in sorted(seen)]
    evidence = Evidence(
        str(facts.get("origin", "client")),
        max(float(facts.get("confidence", 1.0)), 0.0),
        counts.get("first"),
        counts.get("last"),
        int(counts.get("runs", 0)),
        counts.get("last_run"),
    )
    return Edge(key, tallies, evidence, tuple(steps), retracted_at)


def _time(counts: Mapping[str, Json], name: str) -> int:
    value = counts.get(name)
    return value if isinstance(value, int) else -(2**63)


def chain(previous: int, fields: Iterable[int | str | None]) -> int:
    """The chain hash after one more log row, all of it but its seq; 63 bits, so that it fits every store's integers.

    The id of a node is part of it: two histories that part after a backup often have rows of the same shape and numbers.
    """
    text = " ".join(map(str, (previous, *fields)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def new_revision() -> int:
    """What a write leaves as `LogPage.revision`: 63 bits that no other write has had."""
    return randbits(63)
