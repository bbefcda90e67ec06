"""What the service does between requests, once an hour: forget the rows of old runs."""

import asyncio
import logging

from api.logs import log
from api.writer import Writer
from backends.changes import NodeFilter, Order, Page
from backends.errors import BackendError
from ingest.aging import GROUP, forgotten

HOUR = 3600.0
DAY = 86_400_000_000


async def forget_runs(writer: Writer, keep_days: int) -> int:
    """Removes the records of sealed runs that were first seen `keep_days` ago or earlier; returns how many."""
    at, found = writer.clock(), 0
    # Listed newest first by when they were first seen, so a page that starts at the limit holds older ones only.
    page = await writer.backend.find_nodes(NodeFilter(group=GROUP), Order.NEWEST, Page(1000, (-(at - keep_days * DAY), "")))
    while page.nodes:
        changes = forgotten(page.nodes, at, writer.sealed_after)
        if changes:
            await writer.backend.apply(changes)
            found += len(changes.records)
        if not page.more:
            break
        page = await writer.backend.find_nodes(NodeFilter(group=GROUP), Order.NEWEST, Page(1000, page.cursors[-1]))
    return found


async def upkeep(writer: Writer, keep_days: int) -> None:
    """Runs until cancelled. What fails is logged and tried again an hour later."""
    while True:
        try:
            forgot = await forget_runs(writer, keep_days)
            if forgot:
                log(logging.INFO, "upkeep.runs_forgotten", runs=forgot)
        except BackendError as error:
            log(logging.WARNING, "upkeep.failed", error=type(error).__name__)
        await asyncio.sleep(HOUR)
