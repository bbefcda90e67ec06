"""The one writer of a process: what gathers while a turn is under way is written in the next one, as one.

Turns of all processes follow one another. A turn is decided from what was read at the state before it; the state then moves
on under its lock, so that of those who decided at the same state one goes through, and the others read and decide again.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from random import random
from typing import Any, Final, NamedTuple, TypeVar

from backends.changes import Changes
from backends.decide import Decision, StoredEdge, wanted
from backends.errors import BackendError, Rejected, TimedOut, Unavailable
from backends.gremlin_change import NOTHING, Draft, Turn
from backends.gremlin_places import LOG_SHIFT, edge_entry, log_shelf, record_entry
from backends.gremlin_read import Looked, classes, look, near
from backends.gremlin_rows import KeptEdge, StoredRecord, may_be_node, may_be_record
from backends.gremlin_settings import Dialect
from backends.gremlin_state import Head, State, token
from backends.gremlin_store import DONE, Store
from backends.gremlin_wire import packed
from backends.model import EdgeKey, Epoch

GROUP: Final = 500
"""Nodes, edges and records after which no more writes join a turn, so that the first among them is not answered late."""
MARGIN: Final = 16_384
"""Bytes of a request beside the change."""
PART: Final = 2_000
"""How much is done in one request: an edge or an entry weighs 1. It must be done again, each thing looked for first, within
half of a lease, on a slow storage too."""
WEIGHTS: Final = {"nodes": 4, "edges": 1, "entries": 1}
FEW: Final = 50
"""Nodes, edges and records that are decided on the event loop; more take a thread."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class Waiting(NamedTuple):
    """A write and who waits for it, until when."""

    changes: Changes
    future: asyncio.Future[Epoch]
    until: float


class Moved(Exception):
    """The state is no longer the one that was decided at."""

    def __init__(self, head: Head | None = None) -> None:
        self.head = head


class Committer:
    """Use between `start` and `stop`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._swept = -1

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Writes what waits, then ends."""
        task, self._task = self._task, None
        if task is not None:
            await self._queue.join()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def apply(self, changes: Changes) -> Epoch:
        """Resolves once the changes are written and the turn is done. Raises `Conflict`, `Rejected`, `TimedOut`,
        `Unavailable`; after the last two it may be written all the same."""
        if self._task is None:
            raise Unavailable("the store is closed")
        future: asyncio.Future[Epoch] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_look)
        self._queue.put_nowait(Waiting(changes, future, time.monotonic() + self._store.settings.timeout))
        return await asyncio.shield(future)  # who stops waiting does not stop the write

    async def _run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            size = _size(batch[0].changes)
            while size < GROUP and not self._queue.empty():
                batch.append(self._queue.get_nowait())
                size += _size(batch[-1].changes)
            try:
                await self._commit(batch)
            except BackendError as error:
                _fail(batch, error)
            except Exception as error:  # a defect of ours; the next write may still be good
                log.exception("backend.write_failed")
                _fail(batch, error)
            finally:
                for _ in batch:
                    self._queue.task_done()

    # One turn

    async def _commit(self, batch: Sequence[Waiting]) -> None:
        attempt = 0
        while True:
            waiting = [one for one in batch if not one.future.done()]
            if not waiting:
                return
            try:
                await self._try(waiting)
                return
            except Moved as moved:
                until = max(one.until for one in waiting)
                if moved.head is not None:
                    await self._store.wait(moved.head, attempt, until)
                elif time.monotonic() > until:
                    raise TimedOut("others wrote all the time") from None
                else:
                    await asyncio.sleep(random() * min(0.5, 0.005 * 2**attempt))
                attempt += 1

    async def _try(self, waiting: Sequence[Waiting]) -> None:
        """Decides all of it and writes it. Raises `Moved`."""
        draft = await self._read([one.changes for one in waiting])
        answers: list[tuple[Waiting, Epoch | BackendError]] = []
        for one in waiting:
            changes = one.changes
            try:
                decision = await self._decide(changes, partial(draft.decision, changes))
                incident = await self._near(draft, decision)
                epoch = await self._decide(changes, partial(draft.take, changes, decision, incident))
                answers.append((one, epoch))
            except BackendError as error:
                if isinstance(error, Unavailable | TimedOut):
                    raise
                answers.append((one, error))
        if not draft.is_nothing:
            await self._write(await self._store.wire.apart(draft.turn))
            await self._sweep(draft.state.epoch.seq)
        for one, answer in answers:
            _answer(one, answer)

    async def _read(self, all_changes: Sequence[Changes]) -> Draft:
        """What the writes must know."""
        nodes: dict[str, None] = {}
        records: dict[str, None] = {}
        edges: dict[EdgeKey, None] = {}
        for changes in all_changes:
            wants = wanted(changes)
            nodes |= dict.fromkeys(wants.nodes)
            nodes |= dict.fromkeys(change.alias_of for change in changes.nodes if change.alias_of)
            records |= dict.fromkeys(filter(may_be_record, wants.records))
            edges |= dict.fromkeys(key for key in wants.edges if may_be_node(key.source) and may_be_node(key.target))
        entries = [*map(record_entry, records), *map(edge_entry, edges)]
        looked = await classes(self._store, await look(self._store, nodes, entries, facets=True), facets=True)
        draft = Draft(_settled(looked))
        draft.saw_nodes(looked.nodes.values())
        for record_id in records:
            text = looked.texts.get(record_entry(record_id))
            draft.records[record_id] = None if text is None else StoredRecord.parse(text)
        for edge in edges:
            text = looked.texts.get(edge_entry(edge))
            draft.edges[edge] = None if text is None else KeptEdge.parse(text).edge
        return draft

    async def _near(self, draft: Draft, decision: Decision) -> dict[EdgeKey, StoredEdge]:
        """The edges at nodes that come or go; one that is new has none."""
        known = [node_id for node_id in decision.flipped if node_id in draft.rows]
        if not known:
            return {}
        heads, edges = await near(self._store, known)
        ends = {end for key in edges for end in (key.source, key.target)} - draft.found.keys()
        looked = await classes(self._store, await look(self._store, ends, facets=True), facets=True)
        if any(head.state != draft.state or head.announced is not None for head in (*heads, *looked.heads)):
            raise Moved
        draft.saw_nodes(found for found in looked.nodes.values() if found.id not in draft.found)
        return edges

    async def _decide(self, changes: Changes, work: Callable[[], T]) -> T:
        return work() if _size(changes) <= FEW else await self._store.wire.apart(work)

    # Writing it

    async def _write(self, turn: Turn) -> None:
        store, state = self._store, turn.state
        parts = await store.wire.apart(lambda: _parts(turn.change, store.settings.frame - MARGIN))
        shared = {"token": state.token, "limit": int(store.patience * 1000), "state": str(state)}
        for number, part in enumerate(parts[1:], 1):
            place = f"{state.token}.{number:05d}"
            if await store.write("stash", {"place": place}, change=part, within=store.patience) != DONE:
                raise Moved
        announce = turn.announced.text()
        before = turn.announced.before
        cancelled = token()  # another name than the turn's, so that what was cancelled is not taken for done
        first = {**shared, "expect": str(before), "announce": announce, "parts": len(parts)}
        if store.settings.dialect is Dialect.JANUSGRAPH:  # the other has no rollback
            first["cancelled"] = str(replace(before, turn=state.turn, token=cancelled, owner=state.owner))
            first["nothing"] = packed(NOTHING)
        try:
            ended = await store.write("write", first, turn.shelves, change=parts[0], within=store.patience)
            if ended != DONE:
                raise Moved
        except (Unavailable, TimedOut):
            await self._make_sure(turn, cancelled)
            return
        for number in range(1, len(parts)):
            step = {**shared, "place": f"{state.token}.{number:05d}", "last": number == len(parts) - 1}
            step["announce"] = turn.announced.text(left=len(parts) - number)
            if await store.write("step", step, turn.shelves, within=store.patience) != DONE:
                await self._make_sure(turn, cancelled)
                return

    async def _make_sure(self, turn: Turn, cancelled: str) -> None:
        """Finds out what became of a turn whose answer did not come: it may be done, or be done by us, or was cancelled,
        and then it is tried again (a server that has just been started is slow at first). Raises again what was raised
        where that cannot be told."""
        until = time.monotonic() + self._store.settings.timeout
        attempt = 0
        while True:
            looked = await look(self._store)
            head = looked.heads[-1]
            if head.state.token == cancelled:
                raise Moved
            if head.state.token != turn.state.token:
                if isinstance(error := sys.exception(), BackendError):
                    raise error
                raise TimedOut("others went on since: nobody can tell whether this was written")
            if head.announced is None:
                return
            await self._store.wait(head, attempt, until)
            attempt += 1

    async def _sweep(self, seq: int) -> None:
        """Drops shelves of the log that are older than what is kept, a few at a time. What fails is tried again later."""
        last = ((seq - self._store.settings.keep) >> LOG_SHIFT) - 1
        if last <= self._swept:
            return
        upto = min(last, self._swept + 64)
        names = [log_shelf(number << LOG_SHIFT) for number in range(self._swept + 1, upto + 1)]
        try:
            await self._store.write("drop", {"names": names}, within=self._store.patience)
        except BackendError as error:
            log.warning("backend.log_not_trimmed", extra={"error": type(error).__name__})
        else:
            self._swept = upto


def _settled(looked: Looked) -> State:
    """The state that everything was read at. Raises `Moved` where there was more than one, or a turn under way."""
    first = looked.heads[0]
    for head in looked.heads:
        if head.announced is not None:
            raise Moved(head)
        if head.state != first.state:
            raise Moved
    return first.state


def _parts(change: dict[str, Any], most: int) -> list[str]:
    """The change as texts of at most so many bytes each, to be done in this order: nodes come before their edges, and the
    entries of the log last."""
    weight = sum(WEIGHTS[name] * len(change[name]) for name in WEIGHTS)
    limit = float(PART)
    if weight <= PART:
        whole = packed(change)
        if len(whole) <= most:
            return [whole]
        limit = weight * most / len(whole)
    things = [(name, one) for name in WEIGHTS for one in change[name]]
    while True:
        parts = [packed(_part(change["at"], some)) for some in _shares(things, limit)]
        if all(len(part) <= most for part in parts):
            return parts
        if limit < 1:
            raise Rejected("one thing in this write is larger than a request may be (`frame`)")
        limit /= 2


def _shares(things: Sequence[tuple[str, Any]], limit: float) -> Iterator[list[tuple[str, Any]]]:
    """The things in turn, so many together that they weigh no more than the limit."""
    share: list[tuple[str, Any]] = []
    weight = 0
    for thing in things:
        if share and weight + WEIGHTS[thing[0]] > limit:
            yield share
            share, weight = [], 0
        share.append(thing)
        weight += WEIGHTS[thing[0]]
    yield share


def _part(at: dict[str, str | None], things: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    part: dict[str, Any] = {name: [one for kind, one in things if kind == name] for name in ("nodes", "edges", "entries")}
    speaks_of = {one[0] for one in part["nodes"]} | {end for one in part["edges"] for end in (one[0], one[2])}
    speaks_of |= {one[4] for one in part["entries"] if one[4] is not None}
    return {"at": {node_id: at[node_id] for node_id in sorted(speaks_of)}, **part}


def _size(changes: Changes) -> int:
    return len(changes.nodes) + len(changes.edges) + len(changes.records)


def _answer(one: Waiting, answer: Epoch | BackendError) -> None:
    if one.future.done():
        return
    if isinstance(answer, BackendError):
        one.future.set_exception(answer)
    else:
        one.future.set_result(answer)


def _fail(batch: Sequence[Waiting], error: Exception) -> None:
    for one in batch:
        if not one.future.done():
            one.future.set_exception(error)


def _look(future: asyncio.Future[Epoch]) -> None:
    """Perhaps nobody waits any more; the error was theirs."""
    if not future.cancelled():
        future.exception()
