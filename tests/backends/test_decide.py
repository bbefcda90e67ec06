"""`backends.decide` decides what the reference decides: a store that only reads, asks it, and writes passes the suite."""

from collections.abc import AsyncIterator, Iterable

import pytest

from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, LogRow, NodeChange
from backends.decide import Decision, Stored, StoredEdge, wanted
from backends.memory import MemoryBackend, StoredRecord
from backends.memory import StoredEdge as Kept
from backends.model import EdgeKey, EdgeKind, Epoch
from backends.rows import NodeRow, chain, new_revision
from backends.testing import BackendContract


class DecidedBackend(MemoryBackend):
    """Reads no more than `wanted` names, as a store would that is asked from afar."""

    async def apply(self, changes: Changes) -> Epoch:
        needs = wanted(changes)
        stored = Stored(
            self._rows(needs.nodes),
            {key: StoredEdge(*self.edges[key]) for key in needs.edges if key in self.edges},
            {record_id: self.records[record_id].version for record_id in needs.records if record_id in self.records},
        )
        decision = Decision(changes, stored, len(self.rows))
        incident = {k: StoredEdge(*e) for k, e in self.edges.items() if {k.source, k.target} & set(decision.flipped)}
        outcome = decision.outcome(incident, self._rows(end for key in incident for end in (key.source, key.target)))
        self.rows |= {row.id: row for row in outcome.rows}
        self.edges |= {key: Kept(dict(edge.tallies), edge.retracted_at) for key, (edge, _) in outcome.edges.items()}
        for record, version in outcome.records:
            if record.value is None:
                self.records.pop(record.id, None)
            else:
                self.records[record.id] = StoredRecord(record.value, version, record.groups, record.rank)
        for entry in outcome.log:
            row = (entry.op, entry.code, entry.source, entry.target, entry.id)
            self.log.append(LogRow(len(self.epochs), *row))
            self.epochs.append(Epoch(len(self.epochs), chain(self.epochs[-1].chain, row)))
        if changes.watermark is not None:
            self.watermark = max(changes.watermark, self.watermark or changes.watermark)
        self.revision = new_revision()
        return self.epochs[-1]

    def _rows(self, ids: Iterable[str]) -> dict[str, NodeRow]:
        """The rows with these ids and those they are other names of."""
        found = {node_id: self.rows[node_id] for node_id in ids if node_id in self.rows}
        homes = {row.alias_of: self.rows[row.alias_of] for row in found.values() if row.alias_of in self.rows}
        return {**{home: row for home, row in homes.items() if home is not None}, **found}


class TestDecided(BackendContract):
    @pytest.fixture
    async def backend(self) -> AsyncIterator[LineageBackend]:
        async with DecidedBackend() as backend:
            yield backend


async def test_what_says_nothing_new_writes_nothing() -> None:

    key = EdgeKey("dataset:a#b", EdgeKind.INPUT_TO, "operation:a#b#c")
    changes = Changes(0, (NodeChange(key.source), NodeChange(key.target)), (EdgeChange(key, {"t": {}}),))
    first = Decision(changes, Stored(), 0).outcome({}, {})
    stored = Stored({row.id: row for row in first.rows}, {k: edge for k, (edge, _) in first.edges.items()})
    assert first.log
    assert not Decision(changes, stored, 2).outcome({}, {})
