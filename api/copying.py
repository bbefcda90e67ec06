"""`headwater copy`: everything one store holds, into another, of whatever kind; proved equal at the end.

Pages of a scan are applied as they are. Each is durable before the next is read, and where it ended is kept in a file
beside the caller, so that a copy that was stopped goes on there. A page may be applied twice: it says what it says.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, NoReturn

from tqdm import tqdm

from backends.base import LineageBackend
from backends.changes import Changes, Cursor, ScanPage
from backends.errors import BackendError, Misconfigured
from backends.ids import kind_of
from backends.model import Json, canonical
from backends.registry import open_backend

SUM = 2**128

Progress = Callable[[int], object]
"""Is told how many nodes, edges and records more are done."""


@dataclass(slots=True)
class Digest:
    """What a store holds, in little: how many of each kind and a checksum over them that no order changes."""

    counts: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)

    def add(self, changes: Changes) -> int:
        """Counts what a page holds, and returns how much that is."""
        for node in changes.nodes:
            # Said alike by every store: whether there is no other name is None or "", whether hidden None or False.
            said = {key: list(stamped) for key, stamped in node.attributes.items()}
            rest = [node.deleted_at, bool(node.withdrawn), node.alias_of or ""]
            self._one(f"node {kind_of(node.id)}", [node.id, said, node.seen and list(node.seen), *rest])
        for edge in changes.edges:
            self._one(f"edge {edge.key.kind}", [*edge.key, {key: dict(facts) for key, facts in edge.put.items()}])
        for record in changes.records:
            value = None if record.value is None else dict(record.value)
            self._one(f"record {kind_of(record.id)}", [record.id, value, sorted(record.groups), record.rank])
        return size_of(changes)

    def _one(self, kind: str, said: Json) -> None:
        self.counts[kind] += 1
        digest = blake2b(canonical(said).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        self.sums[kind] = (self.sums[kind] + int.from_bytes(digest, "big")) % SUM

    def differences(self, other: "Digest") -> list[str]:
        """The kinds that are not alike, in words."""
        return [
            f"{kind}: {self.counts[kind]:,} against {other.counts[kind]:,}"
            + (" (the contents differ)" if self.counts[kind] == other.counts[kind] else "")
            for kind in sorted(self.counts.keys() | other.counts.keys())
            if (self.counts[kind], self.sums[kind]) != (other.counts[kind], other.sums[kind])
        ]


def size_of(changes: Changes) -> int:
    """How many nodes, edges and records a page holds."""
    return len(changes.nodes) + len(changes.edges) + len(changes.records)


class Mark(NamedTuple):
    """Where a copy goes on, and how much was done before."""

    after: Cursor
    done: int


class Bookmark:
    """Where a copy is, in a file named for what is copied where; not by the URLs themselves, which may hold a password."""

    def __init__(self, source: str, target: str, folder: Path) -> None:
        pair = blake2b("\0".join((source, target)).encode(), digest_size=8).hexdigest()
        self.path = folder / f"headwater-copy-{pair}.json"

    def read(self) -> Mark | None:
        """None where no copy was begun."""
        try:
            said = json.loads(self.path.read_text())
            return Mark(tuple(said["after"]), int(said["done"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise Misconfigured(f"{self.path} is no bookmark of a copy; remove it and start with an empty store") from None

    def write(self, after: Cursor, done: int) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps({"after": after, "done": done}))
        beside.replace(self.path)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


async def digest(backend: LineageBackend, progress: Progress) -> Digest:
    """Reads everything a store holds."""
    result = Digest()
    async with aclosing(pages(backend, None)) as found:
        async for page in found:
            progress(await asyncio.to_thread(result.add, page.changes))
    return result


async def pages(backend: LineageBackend, after: Cursor | None) -> AsyncGenerator[ScanPage, None]:
    """The pages of a scan; the next is read while one is worked on."""
    ahead = asyncio.create_task(backend.scan(after))
    try:
        while True:
            page = await ahead
            if page.next is None:
                yield page
                return
            ahead = asyncio.create_task(backend.scan(page.next))
            yield page
    finally:
        ahead.cancel()


async def is_empty(backend: LineageBackend) -> bool:
    """Whether a store holds nothing at all."""
    after: Cursor | None = None
    while True:
        page = await backend.scan(after)
        if page.changes:
            return False
        if page.next is None:
            return True
        after = page.next


async def copy(source: LineageBackend, target: LineageBackend, bookmark: Bookmark, progress: Progress) -> None:
    """Applies all that `source` holds to `target`, from the bookmark on, or from the start to an empty store.

    Raises `Misconfigured` where the target holds something and no copy into it was begun."""
    begun = bookmark.read()
    if begun is None and not await is_empty(target):
        raise Misconfigured("the store to copy into is not empty; name one that is")
    after, done = (begun.after, begun.done) if begun else (None, 0)
    progress(done)
    watermark = (await source.changes_since(None)).watermark
    async with aclosing(pages(source, after)) as found:
        async for page in found:
            if page.changes:
                await target.apply(replace(page.changes, watermark=watermark))
            done += size_of(page.changes)
            progress(size_of(page.changes))
            if page.next is not None:
                await asyncio.to_thread(bookmark.write, page.next, done)


async def moved(source_url: str, target_url: str, *, say: Callable[[str], object], folder: Path = Path()) -> Counter[str]:
    """Copies and proves it; returns how many of each kind. Shows its progress on a terminal; `say` is told the rest.

    Raises `BackendError` where a store fails, where one cannot be copied into the other, or where the copy is not equal."""
    if source_url == target_url:
        raise Misconfigured("a store is not copied into itself")
    bookmark = Bookmark(source_url, target_url, folder)
    async with open_backend(source_url) as source, open_backend(target_url) as target:
        with _bar("reading FROM", None) as bar:
            there = await digest(source, bar.update)
        total = there.counts.total()
        if not total:
            raise Misconfigured("the store to copy from holds nothing; is its URL right?")
        if begun := bookmark.read():
            say(f"going on after {begun.done:,} (remove {bookmark.path} and the target to start anew)")
        with _bar("copying", total) as bar:
            await copy(source, target, bookmark, bar.update)
        with _bar("reading TO", total) as bar:
            here = await digest(target, bar.update)
        if differences := there.differences(here):
            with _bar("reading FROM", total) as bar:
                moving = there.differences(await digest(source, bar.update))
            raise Differs(differences, moved=bool(moving), begun=begun is not None, bookmark=bookmark.path)
    bookmark.remove()
    return here.counts


def _bar(what: str, total: int | None) -> "tqdm[NoReturn]":
    return tqdm(desc=what, total=total, unit=" things", unit_scale=True, disable=not sys.stderr.isatty())


class Differs(BackendError):
    """The copy is not what was to be copied; the message says of which kinds, and why it may be."""

    def __init__(self, differences: list[str], *, moved: bool, begun: bool, bookmark: Path) -> None:
        reason = "FROM was written to meanwhile" if moved else "something else writes to TO"
        if begun and not moved:
            reason = f"FROM was written to since the copy was begun, or {reason}"
        todo = f"stop whoever writes, empty TO, remove {bookmark} and copy again"
        super().__init__(f"not equal: {'; '.join(differences)} ({reason}; {todo})")
