"""OpenLineage over HTTP: one event a request, as every client sends them, or many in a batch."""

import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from api.body import read_body
from api.logs import log
from api.metrics import Metrics, event_kind
from api.parallel import side_by_side
from api.problems import RETRY_AFTER, Problem, error, internal, json_response, of_backend
from api.settings import Settings
from api.writer import Writer
from backends.errors import BackendError
from backends.model import Epoch, Json
from ingest.decode import decode
from ingest.errors import BadEvent, Unreadable
from ingest.parse import parse_event

BATCH = "/api/v1/lineage/batch"
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})


class Taken(NamedTuple):
    """An event that is on disk: the epoch after it, and what was left out of it as (pointer, why)."""

    epoch: Epoch
    set_aside: tuple[tuple[str, str], ...]


class Intake:
    """Takes events into the store: bounds how many wait at a time, counts them, and turns failures into `Problem`s."""

    def __init__(self, writer: Writer, metrics: Metrics, max_pending: int) -> None:
        self._writer, self._metrics, self._max_pending = writer, metrics, max_pending
        self._pending = 0

    async def take(self, event: Json) -> Taken:
        """Returns once the event is on disk. Raises `Problem`: 422 refused, 503 not now, 500 a fault of ours."""
        if self._pending >= self._max_pending:
            raise Problem(503, "UNAVAILABLE", "too many events are waiting; try again", headers=RETRY_AFTER)
        self._pending += 1
        self._metrics.events_pending.set(self._pending)
        try:
            parsed = parse_event(event)
            epoch = await self._writer.take(parsed)
        except BadEvent as refusal:
            self.count_refusal(event, refusal.code)
            raise Problem(422, refusal.code, refusal.message, refusal.pointer) from None
        except BackendError as failure:
            problem = of_backend(failure)
            self.count_refusal(event, problem.code)
            log(logging.WARNING, "ingest.failed", error=type(failure).__name__, detail=str(failure))
            raise problem from failure
        finally:
            self._pending -= 1
            self._metrics.events_pending.set(self._pending)
        self._metrics.events_accepted.labels(event_kind(event)).inc()
        self._metrics.epoch.set(epoch.seq)
        for pointer, _ in parsed.set_aside:
            # The first token alone (run, job, inputs, outputs, dataset): names of facets are the sender's to choose.
            self._metrics.set_aside.labels(pointer.split("/")[1]).inc()
        return Taken(epoch, parsed.set_aside)

    def count_refusal(self, event: Json, code: str) -> None:
        """Counts an event that was not stored; None where it could not even be read."""
        self._metrics.events_refused.labels(event_kind(event), code).inc()


async def post_event(request: Request) -> Response:
    """POST /api/v1/lineage: 201 once the event is durable, with the epoch after it and what was set aside, if anything."""
    settings: Settings = request.state.settings
    intake: Intake = request.state.intake
    body = await read_body(request, limit=settings.max_event_bytes, seconds=settings.body_seconds)
    try:
        event = decode(body)
    except BadEvent as refusal:
        intake.count_refusal(None, refusal.code)
        raise unreadable(refusal) from None
    if isinstance(event, list):
        intake.count_refusal(None, "BAD_INPUT")
        raise Problem(400, "BAD_INPUT", f"this takes one event; post an array to {BATCH}", "")
    taken = await intake.take(event)
    answer: dict[str, Any] = {"epoch": str(taken.epoch)}
    if taken.set_aside:
        answer["setAside"] = [{"pointer": pointer, "message": why} for pointer, why in taken.set_aside]
    return json_response(answer, 201)


async def post_batch(request: Request) -> Response:
    """POST /api/v1/lineage/batch: an array, or NDJSON where the Content-Type says so. Each event stands for itself.

    200 says of each refused event its index and why; the others are durable. 503 where the store failed meanwhile: post
    the whole batch again, what it holds already counts once."""
    settings: Settings = request.state.settings
    intake: Intake = request.state.intake
    body = await read_body(request, limit=settings.max_batch_bytes, seconds=settings.body_seconds)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        items = list(read_lines(body) if content_type in NDJSON else read_array(body))
    except Problem as problem:
        if content_type not in NDJSON and body.lstrip()[:1] == b"{" and b"\n" in body.strip():
            words = f"{problem.message}; NDJSON is sent with Content-Type: application/x-ndjson"
            raise Problem(problem.status, problem.code, words, problem.pointer) from None
        raise
    if len(items) > settings.max_batch_events:
        raise Problem(413, "TOO_LARGE", f"a batch may hold {settings.max_batch_events:,} events, not {len(items):,}")
    refused = await _take_all(items, intake, settings.ingest_concurrency)
    summary = {"accepted": len(items) - len(refused), "refused": len(refused)}
    return json_response({"summary": summary, "refused": refused})


class Item(NamedTuple):
    """One event of many: its place from 0 and its JSON, or why it could not be read."""

    place: int
    event: Json
    refusal: BadEvent | None = None


def read_lines(body: bytes) -> Iterator[Item]:
    """The events of NDJSON, one a line; blank lines count as places but hold none."""
    for index, line in enumerate(body.split(b"\n")):
        if line.strip():
            yield read_item(index, line)


def read_array(body: bytes) -> Iterable[Item]:
    """The events of a JSON array; one object alone is an array of one. Raises `Problem` where the body is neither."""
    try:
        value = decode(body)
    except BadEvent as refusal:
        try:
            # One unreadable event must not take its neighbours along: each is read by itself where the array can be told.
            value = json.loads(body)
        except (ValueError, RecursionError):
            raise unreadable(refusal) from None
        if not isinstance(value, list):
            raise unreadable(refusal) from None
        return [read_item(index, json.dumps(event).encode()) for index, event in enumerate(value)]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise Problem(400, "BAD_INPUT", "a batch is an array of events, or one event a line as application/x-ndjson", "")
    return [Item(index, event) for index, event in enumerate(value)]


def read_item(index: int, text: bytes) -> Item:
    """One event of many, from its text."""
    try:
        return Item(index, decode(text))
    except BadEvent as refusal:
        return Item(index, None, refusal)


def unreadable(refusal: BadEvent) -> Problem:
    """400 for what is no JSON, 422 for JSON that cannot be kept."""
    return Problem(400 if isinstance(refusal, Unreadable) else 422, refusal.code, refusal.message, refusal.pointer)


async def _take_all(items: list[Item], intake: Intake, concurrency: int) -> list[dict[str, Any]]:
    """Takes the events, in whatever order: it means nothing to the graph. The refusals, by index.

    Raises the `Problem` of a store that cannot take more now."""
    refusals: dict[int, dict[str, Any]] = {}

    async def take(item: Item) -> None:
        if item.refusal is not None:
            intake.count_refusal(None, item.refusal.code)
            refusals[item.place] = error(item.refusal.code, item.refusal.message, item.refusal.pointer)
            return
        try:
            await intake.take(item.event)
        except Problem as problem:
            if problem.status == 503:
                raise
            refusals[item.place] = problem.error
        except Exception as failure:
            log(logging.ERROR, "ingest.fault", failure=failure)
            refusals[item.place] = internal().error

    await side_by_side(items, take, concurrency)
    return [{"index": index, "error": refusals[index]} for index in sorted(refusals)]
