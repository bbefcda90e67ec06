"""Files of events, in every form people have them: all is taken that can be, and the rest is named."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from api.bulk import Line, import_file, read_lines, size_of
from api.writer import Writer
from backends.base import LineageBackend
from backends.memory import MemoryBackend
from tests.api.events import GOOD, event


def numbered(text: bytes) -> list[tuple[int, Any]]:
    """The events of a file, as (line, JSON)."""
    return [(line.number, json.loads(line.text)) for line in read_lines(io.BytesIO(text))]


def test_ndjson_is_an_event_a_line_and_blank_lines_only_count() -> None:
    assert numbered(b'\n{"a": 1}\n\r\n  {"a": 2}  \r\n{"a": 3}') == [(2, {"a": 1}), (4, {"a": 2}), (5, {"a": 3})]


def test_an_array_is_an_event_an_item() -> None:
    assert numbered(b'\xef\xbb\xbf [\n{"a": 1},\n{"a": NaN}\n]')[0] == (1, {"a": 1})
    assert [number for number, _ in numbered(b'[{"a": 1}, {"b": "\\ud800"}, 3]')] == [1, 2, 3]
    assert numbered(b"[]") == []


def test_one_event_over_many_lines_is_one() -> None:
    assert numbered(json.dumps({"a": {"b": 1}}, indent=2).encode()) == [(1, {"a": {"b": 1}})]


def test_a_broken_first_line_does_not_hide_the_others() -> None:
    lines = list(read_lines(io.BytesIO(b'{"a": \n{"a": 2}\n')))
    assert [(line.number, line.text) for line in lines] == [(1, b'{"a":'), (2, b'{"a": 2}')]


def test_a_broken_array_is_one_thing_to_refuse() -> None:
    assert list(read_lines(io.BytesIO(b'[{"a": 1},\n{"a"'))) == [Line(1, b'[{"a": 1},\n{"a"', 15)]


def test_an_empty_file_holds_nothing() -> None:
    assert numbered(b"") == numbered(b"\n \n") == []


def test_bytes_done_add_up_to_the_file() -> None:
    text = b'{"a": 1}\n{"a": 2}\n'
    assert sum(line.size for line in read_lines(io.BytesIO(text))) == len(text)


@pytest.fixture
async def backend() -> LineageBackend:
    return MemoryBackend()


async def load(path: Path, backend: LineageBackend) -> tuple[int, int, list[str]]:
    said: list[str] = []
    tally = await import_file(str(path), Writer(backend), 8, progress=lambda _: None, say=said.append)
    return tally.accepted, tally.refused, said


async def test_what_is_refused_is_written_beside_the_file_with_its_line_and_reason(
    tmp_path: Path, backend: LineageBackend
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join([json.dumps(GOOD).encode(), b'{"broken', json.dumps(event(eventTime="soon")).encode()]))
    accepted, refused, said = await load(file, backend)
    assert (accepted, refused, len(said)) == (1, 2, 2)
    rows = sorted(
        map(json.loads, (tmp_path / "events.ndjson.refused").read_text().splitlines()), key=lambda row: row["line"]
    )
    assert [(row["line"], row["error"]["code"]) for row in rows] == [(2, "BAD_INPUT"), (3, "BAD_INPUT")]
    assert rows[0]["event"] == '{"broken'
    assert rows[1]["error"]["pointer"] == "/eventTime"
    assert all(str(file) in line for line in said)


async def test_a_file_read_again_changes_nothing(tmp_path: Path, backend: LineageBackend) -> None:
    file = tmp_path / "events.json.gz"
    file.write_bytes(gzip.compress(json.dumps([GOOD, event(eventType="START")]).encode()))
    assert size_of(str(file)) is None
    assert await load(file, backend) == (2, 0, [])
    epoch = (await backend.changes_since(None)).epoch
    assert epoch.seq > 0
    assert await load(file, backend) == (2, 0, [])
    assert (await backend.changes_since(None)).epoch == epoch
    assert not (tmp_path / "events.json.gz.refused").exists()


async def test_few_refusals_are_told_and_all_are_written(tmp_path: Path, backend: LineageBackend) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"{}\n" * 50)
    accepted, refused, said = await load(file, backend)
    assert (accepted, refused, len(said)) == (0, 50, 21)
    assert len((tmp_path / "events.ndjson.refused").read_text().splitlines()) == 50
