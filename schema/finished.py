"""Answers as bytes, given again while every call of the backend that they came of would say the same.

What a query answers is a function of its text, its variables and what the backend says, and of nothing else. Where the
store says that nothing was written since before the answer was read (`LogPage.revision`), the bytes are the answer still,
and one look, shared by all who ask at that moment, is all that it takes. Else the calls that were made, which are kept with
the bytes, are made again, and where each says what it said, so would the answer: a traversal that the cache remembers takes
microseconds, rows are read as ever, and planning, folding and telling are saved.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from backends.base import LineageBackend
from backends.changes import LogPage, NodeFilter, NodePage, Order, Page
from backends.errors import BackendError
from backends.model import EdgeKey, Epoch, Records, Subgraph, Traversal
from backends.wrapper import Wrapper

Key: TypeAlias = tuple[str, bytes, str | None]
ROW: Final = 2_000
"""Bytes that a row takes in memory, about."""


class Call(NamedTuple):
    """A call that was made, and what came of it."""

    name: str
    args: tuple[Any, ...]
    options: Mapping[str, Any]
    result: Any


class Recorder(Wrapper):
    """A backend for one request that notes what it is asked. `ahead` are results that the request has already read: each is
    given once, so who reads again reads anew. `revision` is the store's before that, where it was asked for."""

    def __init__(self, inner: LineageBackend) -> None:
        super().__init__(inner)
        self.calls: list[Call] = []
        self.ahead: list[Call] = []
        self.is_whole = True
        self.revision: int | None = None

    @property
    def asked(self) -> LineageBackend:
        """Who is asked in the end."""
        return self._inner

    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        found: Records = await self._noted("get", tuple(ids), tuple(edges), facets=facets)
        return found

    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        found: NodePage = await self._noted("find_nodes", where, order, page)
        return found

    async def traverse(self, traversal: Traversal) -> Subgraph:
        found: Subgraph = await self._noted("traverse", traversal)
        return found

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        found: LogPage = await self._noted("changes_since", epoch)
        return found

    async def _noted(self, name: str, *args: Any, **options: Any) -> Any:
        for at, call in enumerate(self.ahead):
            if call[:3] == (name, args, options):
                self.calls.append(self.ahead.pop(at))
                return call.result
        try:
            result = await getattr(self._inner, name)(*args, **options)
        except BackendError:
            self.is_whole = False
            raise
        self.calls.append(Call(name, args, options, result))
        return result


@dataclass(slots=True)
class _Kept:
    body: bytes
    calls: list[Call]
    tells_epoch: bool
    revision: int | None = None
    """The store's before all calls were made again; None before they were."""
    traversals: list[Traversal] = field(init=False)
    """What of the graph it tells."""
    nbytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.nbytes = 1_000 + len(self.body) + sum(_size(call.result) for call in self.calls)

        self.traversals = [call.args[0] for call in self.calls if call.name == "traverse"]


class Finished:
    """At most `limit` bytes; what was asked longest ago goes first. `used` is told what an answer tells of that is given
    again without asking for it."""

    used: Callable[[Sequence[Traversal]], None] | None = None

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self.nbytes = 0
        self.hits = 0

    def __len__(self) -> int:
        return len(self._kept)

    def has(self, key: Key | None) -> bool:
        """Whether there may be something for `get` to give."""
        return key in self._kept

    async def at_once(self, key: Key | None, recorder: Recorder) -> bytes | None:
        """The answer, if nothing at all was written since; then it takes one look at the store, or none where nothing of the
        store is in it. Else `get` may have it."""
        kept = self._kept.get(key) if key is not None else None
        if kept is None or key is None:
            return None
        if not kept.calls:
            return self._again(key, kept)
        try:
            recorder.revision = (await recorder.asked.changes_since(None)).revision
        except BackendError:
            return None  # who asks for it next is told
        if recorder.revision is None or recorder.revision != kept.revision:
            return None
        if self.used is not None:
            self.used(kept.traversals)
        return self._again(key, kept)

    async def get(self, key: Key | None, recorder: Recorder) -> bytes | None:
        """The answer, if every call says what it said; else `recorder` has what was read to find that out. Fails never."""
        kept = self._kept.get(key) if key is not None else None
        if kept is None or key is None:
            return None
        read: list[Call] = []
        moments: set[Epoch] = set()
        for call in kept.calls:
            try:
                result = await getattr(recorder.asked, call.name)(*call.args, **call.options)
            except BackendError:
                return None  # who asks for it next is told
            if isinstance(result, Subgraph):
                moments.add(result.epoch)
            read.append(call._replace(result=result))
            if not _is_same(call, result, exactly=kept.tells_epoch) or len(moments) > 1:
                recorder.ahead = read
                return None
        kept.revision = recorder.revision
        return self._again(key, kept)

    def _again(self, key: Key, kept: _Kept) -> bytes:
        if key in self._kept:  # others may have driven it out meanwhile
            self._kept.move_to_end(key)
        self.hits += 1
        return kept.body

    def put(self, key: Key | None, body: bytes, recorder: Recorder, *, is_constant: bool = False) -> None:
        """Keeps an answer that is worth it: what it came of is remembered, too. `is_constant`: it comes of no store."""
        traversals = [call.result for call in recorder.calls if isinstance(call.result, Subgraph)]
        if key is None or not recorder.is_whole or any(each.cache != "HIT" for each in traversals):
            return
        if not traversals and (recorder.calls or not is_constant):
            return
        self._drop(key)
        kept = _Kept(body, [_lean(call) for call in recorder.calls], "epoch" in key[0])
        self._kept[key] = kept
        self.nbytes += kept.nbytes + len(key[0])
        while self.nbytes > self._limit:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.nbytes -= kept.nbytes + len(key[0])


def key_of(query: str, variables: Mapping[str, Any] | None, operation: str | None) -> Key | None:
    """Equal for equal requests; None for variables that plain JSON does not hold."""
    try:
        return (query, orjson.dumps(variables, option=orjson.OPT_SORT_KEYS), operation)
    except TypeError:
        return None


def _is_same(call: Call, result: Any, *, exactly: bool) -> bool:
    """Whether a call says what it said. Of one epoch and question there is one answer; at a later epoch it is the same one
    where the cache gives its very columns again, having proved them. `exactly`: the epoch is shown, and must not differ."""
    before = call.result
    if isinstance(result, LogPage) and call.args == (None,):
        return bool(result.watermark == before.watermark)  # nothing else is read of the end of the log
    if isinstance(result, LogPage):
        result = replace(result, revision=None)
    if not isinstance(result, Subgraph):
        return bool(result == before)
    if result.cache != before.cache or (exactly and result.epoch != before.epoch):
        return False
    columns = ("numbers", "depths", "reached", "sources", "targets", "edge_kinds")
    return result.truncated == before.truncated and all(getattr(result, each) is getattr(before, each) for each in columns)


def _lean(call: Call) -> Call:
    """Without the ids of a subgraph, which hold on to what the backend had in memory at the time; without the revision of
    the store, which is compared first of all."""
    if isinstance(call.result, Subgraph):
        return call._replace(result=replace(call.result, ids=()))
    if isinstance(call.result, LogPage):
        return call._replace(result=replace(call.result, revision=None))
    return call


def _size(result: Any) -> int:
    if isinstance(result, Subgraph):
        return 30 * len(result) + 9 * len(result.sources)
    if isinstance(result, Records):
        return ROW * (len(result.nodes) + len(result.edges))
    return ROW * len(result.nodes) if isinstance(result, NodePage) else ROW
