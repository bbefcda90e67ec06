"""The demo: what the tools of a small shop really sent (demo/README.md), loaded as any client's events would be."""

import time
from collections.abc import Callable
from pathlib import Path

from api.parallel import side_by_side
from api.writer import Writer
from backends.base import LineageBackend
from ingest.decode import decode
from schema.context import Context
from schema.service import schema

EVENTS = Path(__file__).parents[1] / "demo" / "events"
REQUESTS = "models.ndjson"
"""GraphQL requests, one a line: `query` and `variables`. Every other file holds OpenLineage events, one a line."""
QUESTION = (
    '{ prediction(namespace: "shop", name: "return_risk/2/O00720") { value model { name version } '
    "upstream(depth: null, kinds: [DATASET]) { totalCount nodes { namespace name } answer { complete } } } }"
)
"""Which model and which tables one prediction of the demo comes from, down to the files the shop started with."""


async def load_into_empty(
    backend: LineageBackend, writer: Writer, concurrency: int, *, say: Callable[[str], object]
) -> None:
    """Loads the demo where nothing was ever written; any other store is left as it is."""
    if (await backend.changes_since(None)).epoch.seq == 0:
        say("The store is empty, so the demo is loaded into it (HEADWATER_DEMO=0 leaves it out).")
        await load(backend, writer, concurrency, say=say)


async def load(backend: LineageBackend, writer: Writer, concurrency: int, *, say: Callable[[str], object]) -> None:
    """Loads the demo; what is there already counts once. Raises FileNotFoundError where the demo's files are not."""
    files = sorted(EVENTS.glob("*.ndjson"))
    if not files:
        raise FileNotFoundError(f"no demo in {EVENTS}: it comes with the repository, not with the package")
    start = time.perf_counter()
    events = [line for file in files if file.name != REQUESTS for line in _lines(file)]
    requests = [decode(line) for file in files if file.name == REQUESTS for line in _lines(file)]

    async def take(line: bytes) -> None:
        await writer.ingest(decode(line))

    await side_by_side(events, take, concurrency)
    for request in requests:
        result = await schema().execute(request["query"], request["variables"], Context(backend, writer))
        refused = result.errors or [told["errors"] for told in (result.data or {}).values() if told["errors"]]
        if refused:
            raise ValueError(f"a request of the demo was refused: {refused}")
    took = time.perf_counter() - start
    say(f"Loaded {len(events)} OpenLineage events and {len(requests)} GraphQL requests in {took:.1f} s.")


def _lines(file: Path) -> list[bytes]:
    return [line for line in file.read_bytes().splitlines() if line.strip()]
