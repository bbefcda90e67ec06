"""Subscriptions of real services: two over one file, connections that break, clients that do not read, and the end."""

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.followers import Follower, Idler, capture, lineage, opened, retract, subscription
from tests.api.process import PATIENCE, Service, get, started

FREE = {"HEADWATER_CLIENT_COST": "0"}
"""What a client may ask is not what is tried here."""
QUESTION = {"of": ["dataset:default#hub"], "direction": "BOTH"}


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Service, Service]]:
    """Two services over one file."""
    store = f"sqlite:///{tmp_path}/shared.db"
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    with started(folders[0], "--backend", store, **FREE) as one, started(folders[1], "--backend", store, **FREE) as other:
        capture(one.url, "first", "hub", "a")
        yield one, other


def test_what_one_process_writes_the_followers_of_another_are_told(two: tuple[Service, Service]) -> None:
    one, other = two
    known = lineage(one.url, QUESTION)
    follower = Follower(other.url, QUESTION, known)
    for number in range(5):
        capture(one.url, f"job{number}", "hub", f"b{number}")
        now = lineage(one.url, QUESTION)
        follower.until(lambda it, now=now: it.known.same(now))  # type: ignore[misc]
    retract(one.url, "hub", "b2")
    now = lineage(other.url, QUESTION)
    assert "dataset:default#b2" not in now.nodes
    follower.until(lambda it: it.known.same(now))


def test_connections_that_break_are_gone_on_with_while_others_write(two: tuple[Service, Service]) -> None:
    """By turns on both services; what a follower takes must fit, so nothing is missed or told twice."""
    one, other = two
    stop = threading.Event()
    failures: list[BaseException] = []

    def source(number: int) -> str:
        return "hub" if number % 3 else f"b{max(0, number - 1)}"

    def write() -> None:
        try:
            for number in range(1, 1000):
                if stop.is_set():
                    return
                capture((one, other)[number % 2].url, f"job{number}", source(number), f"b{number}")
                if number % 5 == 4:
                    retract(one.url, source(number - 3), f"b{number - 3}")
        except BaseException as failure:
            failures.append(failure)

    def has_met(it: Follower) -> bool:
        assert not failures
        return it.told >= 4

    known = lineage(one.url, QUESTION)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for turn in range(6):
            follower = Follower((one, other)[turn % 2].url, QUESTION, known)
            follower.until(has_met)
            follower.kill()
    finally:
        stop.set()
        writer.join(PATIENCE)
    assert not failures
    now = lineage(one.url, QUESTION)
    last = Follower(other.url, QUESTION, known)
    last.until(lambda it: it.known.same(now))
    last.kill()


def test_at_the_end_sockets_are_closed_with_1001_and_streams_end(tmp_path: Path) -> None:
    with started(tmp_path, "--backend", "memory://") as service:
        capture(service.url, "first", "hub", "a")
        follower = Follower(service.url, QUESTION, lineage(service.url, QUESTION))
        query = {"query": 'subscription { lineageChanged(of: ["hub"]) { epoch } }'}
        headers = {"Accept": "text/event-stream"}
        with httpx.stream("POST", f"{service.url}/graphql", json=query, headers=headers, timeout=PATIENCE) as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("data:"))
            follower.until(lambda it: it.told > 0)
            service.process.send_signal(signal.SIGTERM)
            rest = list(lines)
        follower.until(lambda it: it.ended == "1001")
        assert "event: complete" not in rest
        assert service.code() == 0
        ended = [json.loads(line) for line in service.log.splitlines() if '"http.socket"' in line]
        assert [(line["status"], line["code"]) for line in ended] == [(101, 1001)]


def test_who_does_not_read_is_told_so_and_cut_and_the_others_are_not(tmp_path: Path) -> None:
    """What is told fills the connection of a client that takes nothing, and then its queue."""
    settings = {"HEADWATER_MAX_QUEUED": "300", "HEADWATER_STREAM_SECONDS": "600", "HEADWATER_MAX_COST": "0"}
    with started(tmp_path, "--backend", "memory://", **FREE, **settings) as service:
        capture(service.url, "first", "hub", "a")
        slow = Idler(service.url)
        slow.say(subscription(QUESTION))
        known = lineage(service.url, QUESTION)
        quick = Follower(service.url, QUESTION, known)

        def is_cut() -> bool:
            text = get(f"{service.url}/metrics").text
            return float(next(line.split()[1] for line in text.splitlines() if line.startswith("headwater_readers_cut"))) > 0

        for number in range(70):  # 20,000 edges are the most that lineage tells
            names = [f"{number}-{each}-{'x' * 900}" for each in range(250)]
            capture(service.url, f"wide{number}", "hub", *names)
            quick.until(lambda it, last=f"dataset:default#{names[-1]}": last in it.known.nodes)  # type: ignore[misc]
            if is_cut():
                break
        messages: list[Any] = []
        while not messages or messages[-1]["type"] != "error":
            messages.append(slow.hear())
        assert messages[-1]["payload"][0]["extensions"]["code"] == "TOO_SLOW"
        assert quick.ended == ""
        quick.kill()
        slow.close()


def test_sockets_and_streams_are_no_requests_that_are_to_be_answered(tmp_path: Path) -> None:
    with started(tmp_path, "--backend", "memory://", HEADWATER_MAX_REQUESTS="2") as service:
        capture(service.url, "first", "hub", "a")
        query = {"query": 'subscription { lineageChanged(of: ["hub"]) { epoch } }'}
        headers = {"Accept": "text/event-stream"}
        with httpx.Client(base_url=service.url, timeout=PATIENCE) as client:
            streams = [client.stream("POST", "/graphql", json=query, headers=headers) for _ in range(4)]
            lines = [stream.__enter__().iter_lines() for stream in streams]  # kept: without them the streams are closed
            assert [next(each) for each in lines] == [":"] * 4
            sockets = [opened(service.url) for _ in range(4)]
            assert lineage(service.url, QUESTION).nodes
            text = get(f"{service.url}/metrics").text
            assert 'headwater_streams{kind="websocket"} 4.0' in text
            assert 'headwater_streams{kind="sse"} 4.0' in text
            for stream in streams:
                stream.__exit__(None, None, None)
            for each in sockets:
                each.close()
