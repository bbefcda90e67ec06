"""Many events from files: NDJSON, a JSON array, or one event; gzip or not. What is refused is written beside the file.

A file may be imported again, whole or in part: an event counts once however often it is read, so an import that was
stopped is resumed by running it again.
"""

import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from api.parallel import side_by_side
from api.problems import error, to_json
from api.writer import Writer
from backends.errors import Rejected
from backends.model import Json
from ingest.decode import decode
from ingest.errors import BadEvent

STDIN = "-"
SHOWN = 20
"""So many refusals of a file are printed; all are in the `.refused` file."""


class Line(NamedTuple):
    """One event of a file: its line (from 1; its place in a JSON array), its text and how many bytes it took."""

    number: int
    text: bytes
    size: int


@dataclass(slots=True)
class Tally:
    """How an import went. `refusals` is the file that names the refused events, None where all were taken."""

    accepted: int = 0
    refused: int = 0
    refusals: Path | None = None


async def import_file(
    name: str, writer: Writer, concurrency: int, *, progress: Callable[[int], object], say: Callable[[str], object]
) -> Tally:
    """Imports one file, `-` for standard input. `progress` is told of bytes done, `say` of refusals.

    Raises OSError where the file cannot be read (a gzip file cut short too), `BackendError` where the store fails; what was
    stored before stays."""
    tally = Tally()
    with ExitStack() as stack:
        out: BinaryIO | None = None

        def refuse(line: Line, refusal: BadEvent) -> None:
            nonlocal out
            if out is None:
                tally.refusals = Path("stdin.refused" if name == STDIN else f"{name}.refused")
                out = stack.enter_context(tally.refusals.open("wb"))
            reason = error(refusal.code, refusal.message, refusal.pointer)
            out.write(to_json({"line": line.number, "error": reason, "event": line.text.decode("utf-8", "replace")}) + b"\n")
            tally.refused += 1
            if tally.refused <= SHOWN:
                say(f"{name}:{line.number}: refused{refusal.pointer and f' at {refusal.pointer}'}: {refusal.message}")
            elif tally.refused == SHOWN + 1:
                say(f"{name}: more refusals are in {tally.refusals}")

        async def take(line: Line) -> None:
            try:
                await writer.ingest(_decode(line.text))
                tally.accepted += 1
            except BadEvent as refusal:
                refuse(line, refusal)
            except Rejected:
                refuse(line, BadEvent("this breaks a rule of the lineage model"))
            progress(line.size)

        try:
            await side_by_side(read_lines(_open(name, stack)), take, concurrency)
        except (EOFError, zlib.error) as failure:
            stored = f"{tally.accepted:,} of its events were stored"
            raise OSError(f"{name} is a broken gzip file; {stored}, import it again once it is whole") from failure
    return tally


def size_of(name: str) -> int | None:
    """How many bytes `progress` will be told of in all, None where that cannot be known before."""
    return None if name == STDIN or name.endswith(".gz") else Path(name).stat().st_size


def read_lines(file: BinaryIO) -> Iterator[Line]:
    """The events of a file. One that begins with `[`, or whose first line is no JSON by itself, is read whole first."""
    number, first = 1, file.readline()
    while first and not first.strip():
        number, first = number + 1, file.readline()
    if not first:
        return
    is_array = first.lstrip(b"\xef\xbb\xbf \t").startswith(b"[")
    if not is_array and _is_json(first):
        yield Line(number, first.strip(), len(first))
        yield from _one_a_line(file, number + 1)
        return
    text = first + file.read()
    events = _events(text)
    if events is not None:
        yield from (Line(place, event, len(text) // len(events)) for place, event in enumerate(events, 1))
    elif is_array:
        yield Line(number, text, len(text))
    else:
        yield from _one_a_line(text.splitlines(keepends=True), number)


def _one_a_line(texts: Iterable[bytes], number: int) -> Iterator[Line]:
    for at, text in enumerate(texts, number):
        if text.strip():
            yield Line(at, text.strip(), len(text))


def _events(text: bytes) -> list[bytes] | None:
    """The texts of the events of a file that is one JSON document, else None. Each is judged by itself later: what this
    parser takes and the service does not (half of a surrogate pair, say) refuses one event, not the file."""
    try:
        value = json.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None
    return [json.dumps(event).encode() for event in (value if isinstance(value, list) else [value])]


def _is_json(text: bytes) -> bool:
    try:
        decode(text)
    except BadEvent:
        return False
    return True


def _decode(text: bytes) -> Json:
    """One event. Raises `BadEvent`, also for an array, which is no event."""
    event = decode(text)
    if isinstance(event, list):
        raise BadEvent("an array where an event should be")
    return event


def _open(name: str, stack: ExitStack) -> BinaryIO:
    if name == STDIN:
        return sys.stdin.buffer
    file = stack.enter_context(open(name, "rb"))  # noqa: SIM115 -- the stack closes it
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if packed:
        return stack.enter_context(gzip.open(file, "rb"))  # type: ignore[return-value]  # GzipFile reads like any file
    return file
