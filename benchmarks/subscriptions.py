"""What subscriptions cost: memory while they are idle, and the time from an acknowledged write to its delta.

    python -m benchmarks.subscriptions [subscriptions]     1,000 unless said; over a graph of 100,000 nodes in SQLite

Two services over one file are processes of their own; the client is this one, over loopback. Memory is the resident set of
one service before and after, per subscription; the questions are downstream, two steps. Times are milliseconds from the
answer to a mutation until the delta is here, with one subscription in the process that wrote and one in the other.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.engine import load
from benchmarks.graphs import layered
from benchmarks.service import Client, connected, served

NODES = 100_000
WRITES = 200
PORTS = (8441, 8442)
WARM = 20
CHANGED = """subscription ($of: [ID!]!, $depth: Int) { lineageChanged(of: $of, direction: DOWNSTREAM, depth: $depth) {
    nodesAdded nodesRemoved edgesAdded { id source target via viaCount } edgesRemoved { id } epoch } }"""
CAPTURE = "mutation ($said: CaptureOperationInput!) { captureOperation(input: $said) { errors { code } } }"
ROOM = {
    "HEADWATER_MAX_STREAMS": "100000",
    "HEADWATER_MAX_SUBSCRIPTIONS": "100000",
    "HEADWATER_MAX_REQUESTS": "100000",
    "HEADWATER_DEMO": "0",
}


def resident(port: int) -> int:
    """Bytes that the process which listens on the port has resident."""
    text = (Path("/proc/net/tcp")).read_text().splitlines()[1:]
    inode = next(row.split()[9] for row in text if row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(link.readlink().name == f"socket:[{inode}]" for link in (process / "fd").iterdir()):
                return int((process / "statm").read_text().split()[1]) * resource.getpagesize()
        except OSError:
            continue
    raise RuntimeError("nobody listens there")


def followed_by(port: int) -> float:
    """Nodes and edges that a service follows."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("headwater_followed ")))


async def socket(stack: AsyncExitStack, port: int) -> ClientConnection:
    """A socket that is acknowledged."""
    address, protocol = f"ws://127.0.0.1:{port}/graphql", Subprotocol("graphql-transport-ws")
    opened = await stack.enter_async_context(connect(address, subprotocols=[protocol], proxy=None, compression=None))
    await opened.send(json.dumps({"type": "connection_init"}))
    await opened.recv()
    return opened


async def subscribe(opened: ClientConnection, name: str, of: str) -> None:
    payload = {"query": CHANGED, "variables": {"of": [of], "depth": 2}}
    await opened.send(json.dumps({"id": name, "type": "subscribe", "payload": payload}))
    told = json.loads(await opened.recv())
    assert told["type"] == "next", told


async def each_its_socket(stack: AsyncExitStack, port: int, asked: list[str]) -> None:
    for of in asked:
        await subscribe(await socket(stack, port), "1", of)


async def hundred_a_socket(stack: AsyncExitStack, port: int, asked: list[str]) -> None:
    for begin in range(0, len(asked), 100):
        opened = await socket(stack, port)
        for number, of in enumerate(asked[begin : begin + 100]):
            await subscribe(opened, str(number), of)


async def as_events(stack: AsyncExitStack, port: int, asked: list[str]) -> None:
    for of in asked:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        body = json.dumps({"query": CHANGED, "variables": {"of": [of], "depth": 2}}).encode()
        head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await reader.readuntil(b"event: next")


Open = Callable[[AsyncExitStack, int, list[str]], Awaitable[None]]


async def memory(port: int, name: str, begin: Open, asked: list[str]) -> None:
    await asyncio.sleep(1)
    before = resident(port)
    async with AsyncExitStack() as stack:
        await begin(stack, port, asked)
        await asyncio.sleep(1)
        each = (resident(port) - before) / len(asked)
        followed = followed_by(port) / len(asked)
    print(f"| {name} | {followed:,.0f} | {each:,.0f} |", flush=True)


async def written(client: Client, opened: ClientConnection, of: str, times: int) -> list[float]:
    """Seconds from the answer to a write until its delta, of many writes one after the other."""
    taken: list[float] = []
    for number in range(times):
        said = {"name": f"live-{time.time_ns()}", "inputs": [of], "outputs": [f"live-{time.time_ns()}-{number}"]}
        body = json.dumps({"query": CAPTURE, "variables": {"said": said}}).encode()
        waiting = asyncio.create_task(received(opened))
        answer: Any = json.loads(await client.post("/graphql", body))
        assert answer["data"]["captureOperation"]["errors"] == [], answer
        acknowledged = time.perf_counter()
        taken.append(max(0.0, await waiting - acknowledged))
        await asyncio.sleep(0.005 * (number % 7))
    return taken


async def received(opened: ClientConnection) -> float:
    await opened.recv()
    return time.perf_counter()


def serving(url: str, port: int) -> AbstractContextManager[float]:
    return served("-m", "api", "serve", "--backend", url, "--port", str(port), port=port, **ROOM)


async def measure_memory(url: str, asked: list[str]) -> None:
    """Each in a service of its own, since memory that was used once is seldom given back."""
    print("\n| idle subscriptions | nodes and edges each | bytes each |\n| --- | ---: | ---: |")
    for name, begin, of in (
        ("a socket each, different questions", each_its_socket, asked),
        ("a socket each, one question", each_its_socket, asked[:1] * len(asked)),
        ("100 a socket, different questions", hundred_a_socket, asked),
        ("100 a socket, one question", hundred_a_socket, asked[:1] * len(asked)),
        ("an event stream each, one question", as_events, asked[:1] * len(asked)),
    ):
        with serving(url, PORTS[0]):
            async with AsyncExitStack() as stack:
                await begin(stack, PORTS[0], asked[:WARM])  # what is made once
            await memory(PORTS[0], name, begin, of)


async def measure_deltas(url: str, of: str) -> None:
    print("\n| acknowledged write to delta | p50 ms | p95 ms |\n| --- | ---: | ---: |")
    with serving(url, PORTS[0]), serving(url, PORTS[1]):
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(connected(PORTS[0]))
            for name, port in (("in the process that wrote", PORTS[0]), ("in another process", PORTS[1])):
                opened = await socket(stack, port)
                await subscribe(opened, "1", of)
                await written(client, opened, of, 20)
                taken = np.array(await written(client, opened, of, WRITES)) * 1000
                print(f"| {name} | {np.percentile(taken, 50):.1f} | {np.percentile(taken, 95):.1f} |", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("subscriptions", type=int, nargs="?", default=1000)
    count = parser.parse_args().subscriptions
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8 * count)), hard))
    graph = layered(NODES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "subscriptions.db"
        url = f"sqlite:///{path}"
        await load(path, lambda: graph)
        asked = [each for each in graph.ids if each.startswith("dataset:")][:: max(1, NODES // 2 // count)][:count]
        await measure_memory(url, asked)
        await measure_deltas(url, asked[0])


if __name__ == "__main__":
    uvloop.run(main())
