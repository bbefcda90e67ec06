"""Changes while they are gathered: what several parts of a program say of one node, edge or record becomes one change."""

from collections.abc import Iterable, Mapping
from typing import Any

from backends.changes import Changes, EdgeChange, NodeChange, RecordChange, Resolution
from backends.model import EdgeKey, EdgeKind, Json, Stamped
from ingest.program import View
from ingest.sealing import WEEK


class Draft:
    """Gathers `Changes`. `at` is the wall clock, `watermark` the time of the event behind it, if there is one. What last
    arrived at `sealed_before` or earlier is sealed (see `ingest.sealing`)."""

    def __init__(self, at: int, watermark: int | None = None, sealed_after: int = WEEK) -> None:
        self.at, self.watermark, self.sealed_before = at, watermark, at - sealed_after
        self.expect: dict[str, int] = {}
        self.resolved: dict[str, Resolution] = {}
        self.records: dict[str, RecordChange] = {}
        self._nodes: dict[str, dict[str, Any]] = {}
        self._edges: dict[EdgeKey, tuple[dict[str, Mapping[str, Json]], set[str]]] = {}

    def say(
        self,
        node_id: str,
        attributes: Mapping[str, Stamped] | None = None,
        *,
        seen: tuple[int, int] | None = None,
        deleted_at: int | None = None,
        withdrawn: bool | None = None,
        alias_of: str | None = None,
    ) -> None:
        """Says something of a node; without anything else, that it exists."""
        said = self._nodes.setdefault(node_id, {"attributes": {}})
        for key, stamped in (attributes or {}).items():
            if stamped.beats(said["attributes"].get(key)):
                said["attributes"][key] = stamped
        if seen is not None:
            old = said.get("seen", seen)
            said["seen"] = (min(old[0], seen[0]), max(old[1], seen[1]))
        for name, value in (("deleted_at", deleted_at), ("withdrawn", withdrawn), ("alias_of", alias_of)):
            if value is not None:
                said[name] = value

    def stamped(self, node_id: str) -> Mapping[str, Stamped]:
        """The attributes said of a node so far in this draft."""
        said: Mapping[str, Stamped] = self._nodes.get(node_id, {}).get("attributes", {})
        return said

    def said(self, prefix: str) -> list[str]:
        """The nodes whose ids begin so and of which something was said in this draft."""
        return [node_id for node_id in self._nodes if node_id.startswith(prefix)]

    def alias(self, node_id: str) -> str | None:
        """What this draft makes a node another name of: "" for none, None where it says nothing of that."""
        alias: str | None = self._nodes.get(node_id, {}).get("alias_of")
        return alias

    def edge(self, key: EdgeKey, put: Mapping[str, Mapping[str, Json]] | None = None, drop: Iterable[str] = ()) -> None:
        """States an edge, or takes statements back; of one tally the last call holds."""
        puts, drops = self._edges.setdefault(key, ({}, set()))
        for tally in drop:
            puts.pop(tally, None)
            drops.add(tally)
        for tally, facts in (put or {}).items():
            puts[tally] = facts
            drops.discard(tally)

    def edges(self, kind: EdgeKind) -> Mapping[EdgeKey, tuple[Mapping[str, Mapping[str, Json]], set[str]]]:
        """The edges of a kind in this draft, each with what is put and what is dropped."""
        return {key: said for key, said in self._edges.items() if key.kind is kind}

    def write(
        self,
        view: View,
        record_id: str,
        value: Mapping[str, Json] | None,
        groups: tuple[str, ...] = (),
        rank: int = 0,
    ) -> None:
        """Writes a record that was read into the view, provided that it is still as it was read."""
        self.expect[record_id] = view.version(record_id)
        self.records[record_id] = RecordChange(record_id, value, groups, rank)

    def touch(self, record_id: str) -> None:
        """Gives a record without content a new version, however it was."""
        self.records[record_id] = RecordChange(record_id, {})

    def record(self, view: View, record_id: str) -> Mapping[str, Json]:
        """The content of a record as this draft leaves it; empty where there is none."""
        if record_id in self.records:
            return self.records[record_id].value or {}
        node = view.node(record_id)
        return {} if node is None else node.attributes

    def changes(self) -> Changes:
        """All that was gathered."""
        return Changes(
            self.at,
            tuple(NodeChange(node_id, **said) for node_id, said in self._nodes.items()),
            tuple(EdgeChange(key, put, frozenset(drop)) for key, (put, drop) in self._edges.items()),
            tuple(self.records.values()),
            self.expect,
            self.resolved,
            self.watermark,
        )
