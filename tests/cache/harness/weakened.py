"""Copies of the rules that are wrong, each in one way that someone could have written. The harness must catch them all."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, Final

import numpy as np

from backends.model import DOWN, FLOW, UP, Direction, Epoch, Traversal
from backends.shared import Shared
from cache import backend, change, levels, log, repair, validity
from cache.closure import Closure, Mask, Places
from cache.log import Rows
from cache.validity import Touch

Put = Callable[[object, str, Any], None]
"""`setattr`, or one that is undone after the test."""


def endpoints_only(put: Put) -> None:
    """OpenMetadata's rule: what a change touches are the two ends of it."""

    def touched_by(closure: Closure, rows: Rows) -> Touch:
        touch = right(closure, rows)
        roots = np.array([*closure.starts], np.intp)
        touch.edges &= np.isin(touch.sources, roots) | np.isin(touch.targets, roots)
        return touch

    right = validity.touched_by
    put(validity, "touched_by", touched_by)


def nothing_touches(put: Put) -> None:
    """A cache without invalidation."""
    put(validity, "touched_by", lambda closure, rows: False)


def last_level_forgotten(put: Put) -> None:
    """Expanded nodes only: the edges among the last level are shown, too."""

    def are_read(closure: Closure, sources: Places, targets: Places) -> Mask:
        read = np.zeros(len(sources), np.bool_)
        if len(closure) and closure.question.direction is not Direction.UPSTREAM:
            read |= closure.expanded(sources, DOWN) & (sources >= 0)
        if len(closure) and closure.question.direction is not Direction.DOWNSTREAM:
            read |= closure.expanded(targets, UP) & (targets >= 0)
        return read

    put(validity, "are_read", are_read)


def in_edges_of_both_forgotten(put: Put) -> None:
    def are_read(closure: Closure, sources: Places, targets: Places) -> Mask:
        inside = sources >= 0
        if closure.question.direction is Direction.BOTH:
            return inside & (targets >= 0) | inside & closure.expanded(sources, DOWN) if len(closure) else inside
        return right(closure, sources, targets)

    right = validity.are_read
    put(validity, "are_read", are_read)


def out_edges_of_both_forgotten(put: Put) -> None:
    def are_read(closure: Closure, sources: Places, targets: Places) -> Mask:
        inside = targets >= 0
        if closure.question.direction is Direction.BOTH:
            return inside & (sources >= 0) | inside & closure.expanded(targets, UP) if len(closure) else inside
        return right(closure, sources, targets)

    right = validity.are_read
    put(validity, "are_read", are_read)


def sources_whatever_the_direction(put: Put) -> None:
    def are_read(closure: Closure, sources: Places, targets: Places) -> Mask:
        return sources >= 0

    put(validity, "are_read", are_read)


def roots_that_come_forgotten(put: Put) -> None:
    put(validity, "moves_a_root", lambda closure, rows: False)


def flow_edges_only(put: Put) -> None:
    def are_followed(closure: Closure, rows: Rows) -> Mask:
        return right(closure, rows) & (rows.codes < len(FLOW))

    right = validity.are_followed
    put(validity, "are_followed", are_followed)
    put(change, "are_followed", are_followed)


def cut_of_both_believed(put: Put) -> None:
    """As if nothing depended on what was cut from an answer that goes both ways."""
    put(Closure, "is_open_ended", False)


def cut_repaired(put: Put) -> None:
    """As if an answer that was cut could be repaired as any other."""

    def repaired(closure: Closure, rows: Rows, touch: Touch) -> Closure | None:
        graph = closure.graph
        object.__setattr__(graph, "truncated", False)
        made = right(closure, rows, touch)
        object.__setattr__(graph, "truncated", True)
        if made is not None:
            object.__setattr__(made.graph, "truncated", True)
        return made

    right = repair.repaired
    put(backend, "repaired", lambda c, rows, touch: (repaired if c.graph.truncated else right)(c, rows, touch))


def old_nodes_reached_believed(put: Put) -> None:
    """A repair that does not mind edges which nobody read."""
    put(repair, "is_unread", lambda *_: False)


def support_forgotten(put: Put) -> None:
    """A repair in which what hung on an edge that went stays where it was."""

    def mended(depths: Any, near: Any, far: Any, lost: Any, *rest: Any) -> Any:
        return right(depths, near, far, (), *rest)

    right = levels.mended
    put(repair, "mended", mended)


def chain_ignored(put: Put) -> None:
    """An epoch is a number: another graph, or a backup, may have been there, too."""

    def knows(self: log.Log, epoch: Epoch) -> bool:
        return self.epoch is not None and self.floor.seq <= epoch.seq <= self.epoch.seq

    put(log.Log, "knows", knows)


def joined_unproved(put: Put) -> None:
    """Who joins a computation takes what it finds, though something was written since it began."""

    async def shared(self: Any, key: Any, traversal: Traversal, reason: str, arrived: Epoch) -> Any:
        found, _ = await self._flights.share(key, lambda: self._found(key, traversal))
        return found.subgraph

    put(backend.CachedBackend, "_shared", shared)


def epoch_of_an_earlier_read(put: Put) -> None:
    """Who comes while the epoch is being read takes what that read gives, though it may have begun before a write."""

    async def call(self: Any) -> Any:
        if self._next is None or self._next.done():
            self._next = asyncio.ensure_future(self._read())
        return await asyncio.shield(self._next)

    put(Shared, "__call__", call)


def epoch_kept_a_while(put: Put) -> None:
    """The epoch is read every now and then: at each third question, as no clock is the same each time."""
    questions = count()

    async def now(self: Any) -> Any:
        if self.epoch is None or next(questions) % 3 == 0:
            return await right(self)
        return self.epoch

    right = log.Log.now
    put(log.Log, "now", now)


def label_taken_after(put: Put) -> None:
    """An answer is labelled with the epoch at which it was done, not with one from before it was begun."""
    put(backend.CachedBackend, "_label", lambda self, subgraph, before: self._log.epoch)


def no_check_after_computing(put: Put) -> None:
    """Where a traversal may see parts of later writes, that is taken for an answer at the epoch before it."""
    put(backend.CachedBackend, "_is_torn", lambda self, *_: False)


RULES: Final[list[Callable[[Put], None]]] = [
    endpoints_only,
    nothing_touches,
    last_level_forgotten,
    in_edges_of_both_forgotten,
    out_edges_of_both_forgotten,
    sources_whatever_the_direction,
    roots_that_come_forgotten,
    flow_edges_only,
    cut_of_both_believed,
    cut_repaired,
    old_nodes_reached_believed,
    support_forgotten,
    chain_ignored,
    joined_unproved,
    epoch_of_an_earlier_read,
    epoch_kept_a_while,
    label_taken_after,
    no_check_after_computing,
]
BY_NAME: Final = {rule.__name__: rule for rule in RULES}
