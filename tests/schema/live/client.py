"""A client that follows lineage: it keeps what it was told, and takes nothing that does not fit."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from strawberry.types.execution import ExecutionResult

from schema.context import Context
from schema.live.hub import Live
from tests.schema.world import World

PATIENCE = 60.0
"""Seconds until something that does not happen fails a test."""
EDGE = "{ id source target kind via viaCount }"
ARGUMENTS = "of: $of, direction: $direction, depth: $depth, kinds: $kinds, edgeKinds: $edgeKinds"
VARIABLES = "$of: [ID!]!, $direction: Direction!, $depth: Int, $kinds: [Kind!], $edgeKinds: [EdgeKind!]"
LINEAGE = f"""query ({VARIABLES}) {{ lineage({ARGUMENTS}, maxNodes: 1000) {{
    nodes {{ entity {{ id }} }} edges {EDGE} answer {{ epoch complete }} }} }}"""
CHANGED = f"""subscription ({VARIABLES}, $since: String) {{ lineageChanged({ARGUMENTS}, since: $since) {{
    nodesAdded nodesRemoved edgesAdded {EDGE} edgesRemoved {EDGE} epoch }} }}"""


class Known:
    """Nodes and edges by id, as a client has them."""

    def __init__(self) -> None:
        self.nodes: set[str] = set()
        self.edges: dict[str, Any] = {}
        self.epoch = ""

    @classmethod
    def of(cls, lineage: Mapping[str, Any]) -> "Known":
        made = cls()
        assert lineage["answer"]["complete"]
        made.nodes = {each["entity"]["id"] for each in lineage["nodes"]}
        made.edges = {each["id"]: each for each in lineage["edges"]}
        made.epoch = lineage["answer"]["epoch"]
        return made

    def copy(self) -> "Known":
        made = Known()
        made.nodes, made.edges, made.epoch = set(self.nodes), dict(self.edges), self.epoch
        return made

    def take(self, delta: Mapping[str, Any]) -> None:
        """Applies a delta; what goes must be there, what comes must not."""
        for each in delta["nodesRemoved"]:
            self.nodes.remove(each)
        for each in delta["edgesRemoved"]:
            assert self.edges.pop(each["id"]) == each
        for each in delta["nodesAdded"]:
            assert each not in self.nodes
            self.nodes.add(each)
        for each in delta["edgesAdded"]:
            assert each["id"] not in self.edges
            self.edges[each["id"]] = each
        assert seq_of(delta["epoch"]) >= seq_of(self.epoch)
        self.epoch = delta["epoch"]

    def same(self, other: "Known") -> bool:
        return self.nodes == other.nodes and self.edges == other.edges


def seq_of(epoch: str) -> int:
    return int(epoch.partition("-")[0] or 0)


class Follower:
    """Follows one question in the background. `error` is the code that ended it."""

    def __init__(
        self, world: World, live: Live, variables: Mapping[str, Any], known: Known, since: str | None = None
    ) -> None:
        self.known, self.error, self.told = known, "", 0
        self._news = asyncio.Event()
        context = Context(world.store, world.writer, world.costs, live=live)
        self._answers = world.schema.answers(CHANGED, {**variables, "since": since}, context, None)
        self._task = asyncio.create_task(self._follow(self._answers))

    async def _follow(self, answers: AsyncGenerator[ExecutionResult, None]) -> None:
        async for answer in answers:
            if answer.errors:
                self.error = str((answer.errors[0].extensions or {})["code"])
            else:
                assert answer.data is not None
                self.known.take(answer.data["lineageChanged"])
                self.told += 1
            self._news.set()

    async def until(self, holds: Callable[["Follower"], bool]) -> None:
        """Waits until something holds of it; what went wrong in it is raised here."""
        deadline = time.monotonic() + PATIENCE
        while not holds(self):
            if self._task.done() and not holds(self):
                self._task.result()
                raise AssertionError(f"it ended: {self.error}")
            self._news.clear()
            waiting = asyncio.create_task(self._news.wait())
            await asyncio.wait({waiting, self._task}, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            assert time.monotonic() < deadline, "it was told nothing of that"

    async def begun(self) -> None:
        await self.until(lambda it: it.told > 0 or bool(it.error))

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
        await self._answers.aclose()
        if not self._task.cancelled():
            self._task.result()
