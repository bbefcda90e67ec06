"""A small lineage store with the API before it: filled in few words, asked in GraphQL, its calls counted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api.writer import Writer
from backends.base import LineageBackend
from backends.changes import (
    Changes,
    Cursor,
    EdgeChange,
    LogPage,
    NodeChange,
    NodeFilter,
    NodePage,
    Order,
    Page,
    RecordChange,
    ScanPage,
    TopologyPage,
)
from backends.memory import MemoryBackend
from backends.model import Capabilities, EdgeKey, EdgeKind, Epoch, Json, Records, Stamped, Subgraph, Traversal
from backends.vocabulary import parent_group
from schema.context import Context, Costs
from schema.service import LineageSchema, schema
from tests.schema.graphs import chains, node

DAY = 86_400_000_000


class CountingBackend(LineageBackend):
    """Passes everything on and notes what was asked."""

    def __init__(self, inner: LineageBackend) -> None:
        self.inner = inner
        self.calls: list[tuple[str, Any]] = []

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def counts(self) -> dict[str, int]:
        """How often each method was called since the last asking."""
        counted = dict(Counter(name for name, _ in self.calls))
        self.calls.clear()
        return counted

    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        self.calls.append(("get", (tuple(ids), tuple(edges), facets)))
        return await self.inner.get(ids, edges, facets=facets)

    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        self.calls.append(("find_nodes", (where, order, page)))
        return await self.inner.find_nodes(where, order, page)

    async def traverse(self, traversal: Traversal) -> Subgraph:
        self.calls.append(("traverse", traversal))
        return await self.inner.traverse(traversal)

    async def apply(self, changes: Changes) -> Epoch:
        return await self.inner.apply(changes)

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        self.calls.append(("changes_since", epoch))
        return await self.inner.changes_since(epoch)

    async def scan(self, after: Cursor | None = None) -> ScanPage:
        return await self.inner.scan(after)

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        return await self.inner.scan_topology(after)

    async def ping(self) -> None:
        await self.inner.ping()


class World:
    """A store and the API before it."""

    def __init__(self, backend: LineageBackend | None = None, costs: Costs | None = None) -> None:
        self.store = backend or MemoryBackend()
        self.backend = CountingBackend(self.store)
        self.writer = Writer(self.store)
        self.costs = costs or Costs()
        self.schema: LineageSchema = schema()

    def context(self) -> Context:
        return Context(self.backend, self.writer, self.costs, clock=lambda: 9 * DAY)

    async def lines(self, *lines: str) -> "World":
        """Nodes and edges in words, see `tests.schema.graphs`. Operations of a job get their HAS_OPERATION, columns their
        HAS_COLUMN, pairs of datasets their PAIR."""
        keys = chains(*lines)
        words = {word for line in lines for word in line.split()}
        for word in sorted(words):
            if word.startswith("*") and "." in word:
                keys += chains(f"J:{word[1:].rpartition('.')[0]} {word}")
            if "/" in word:
                keys += chains(f"{word.split('/')[0]} {word}")
        into = [key for key in keys if key.kind is EdgeKind.INPUT_TO]
        onward = [key for key in keys if key.kind is EdgeKind.PRODUCES]
        keys += [EdgeKey(a.source, EdgeKind.PAIR, b.target) for a in into for b in onward if a.target == b.source]
        await self.edges(keys, more=map(node, words))
        return self

    async def edges(self, keys: Iterable[EdgeKey], *, more: Iterable[str] = ()) -> None:
        keys = list(dict.fromkeys(keys))
        ids = dict.fromkeys([*(end for key in keys for end in (key.source, key.target)), *more])
        facts = {"origin": "run event", "confidence": 1.0, "runs": 2, "first": DAY, "last": 2 * DAY, "last_run": "run:r1"}
        await self.store.apply(
            Changes(
                DAY,
                tuple(NodeChange(each, seen=(DAY, 2 * DAY)) for each in ids),
                tuple(EdgeChange(key, {"t": facts}) for key in keys),
                watermark=2 * DAY,
            )
        )

    async def say(self, node_id: str, *, alias_of: str | None = None, **attributes: Json) -> None:
        """Attributes of a node; `facet__NAME` is a facet."""
        said = {key.replace("facet__", "facet:"): Stamped(DAY, value) for key, value in attributes.items()}
        await self.store.apply(Changes(DAY, (NodeChange(node_id, said, (DAY, 2 * DAY), alias_of=alias_of),)))

    async def run(self, name: str, job: str, number: int, /, **value: Json) -> None:
        """The record of a run."""
        groups = [job, *([parent_group(value["parent"])] if value.get("parent") else [])]
        whole = {"job": job, "state": "COMPLETE", "first": number, "last": number, **value}
        await self.store.apply(Changes(DAY, records=(RecordChange(f"run:{name}", whole, tuple(groups), number),)))

    async def result(self, query: str, /, **variables: Any) -> tuple[Any, list[Mapping[str, Any]]]:
        """Data and errors."""
        answer = await self.schema.execute(query, variable_values=variables, context_value=self.context())
        return answer.data, [error.formatted for error in answer.errors or ()]

    async def ask(self, query: str, /, **variables: Any) -> Any:
        """The data of a query that succeeds."""
        data, errors = await self.result(query, **variables)
        assert not errors, errors
        return data

    async def code(self, query: str, /, **variables: Any) -> str:
        """The code of the one error of a query."""
        _, errors = await self.result(query, **variables)
        assert len(errors) == 1, errors
        return str(errors[0]["extensions"]["code"])
