"""How fast the service is over HTTP, against a bare route that returns the same bytes. Run on a quiet machine.

    python -m benchmarks.service [nodes] [--at DIRECTORY]     100,000 nodes unless said; keeps or finds the store there

The service is a process of its own; the client is this one, over loopback, one connection unless said. Times are
milliseconds, p50 and p95. A ratio is the p50 of the bare route over ours, in the same run.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from backends.registry import open_backend
from benchmarks.engine import load, roots
from benchmarks.graphs import layered

QUERIES = {
    "{ __typename }": "{ __typename }",
    "flat lineage, 1,000 nodes, no attributes": """query ($of: [ID!]!) {
        lineage(of: $of, direction: DOWNSTREAM, maxNodes: 1000) {
        nodes { entity { id kind namespace name } depth direction } edges { source target }
        summary { total } answer { complete epoch } } }""",
    "flat lineage, 1,000 nodes, attributes and evidence": """query ($of: [ID!]!) {
        lineage(of: $of, direction: DOWNSTREAM, maxNodes: 1000) {
        nodes { entity { id kind name tags owners firstSeen lastSeen } depth } edges { source target evidence { runs } }
        answer { complete } } }""",
    "impact counts of a 10k closure": """query ($of: [ID!]!) { impact(of: $of) {
        summary { total byKind { kind count } byDepth { depth count } } answer { complete epoch } } }""",
    "impact counts and the first 50 rows": """query ($of: [ID!]!) { impact(of: $of) {
        summary { total } affected { edges { depth node { id name } } } answer { complete } } }""",
    "nested, 3 hops of 10": """query ($of: [ID!]!) { nodes(ids: $of) { ... on Dataset { id downstream(first: 10) { nodes {
        id downstream(first: 10) { nodes { id downstream(first: 10) { nodes { id } } } } } } } } }""",
}


ANEW = "Cache-Control: no-cache\r\n"


class Client:
    """One kept-alive connection, as little work as a client can be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def post(self, path: str, body: bytes, more: str = "") -> bytes:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}"
        self.writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        headers = await self.reader.readuntil(b"\r\n\r\n")
        if not headers.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise RuntimeError(headers.decode())
        length = next(line for line in headers.lower().splitlines() if line.startswith(b"content-length:"))
        return await self.reader.readexactly(int(length.split(b":")[1]))


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", port, limit=2**26))
    try:
        yield client
    finally:
        client.writer.close()


@contextmanager
def served(*command: str, port: int, **variables: str) -> Iterator[float]:
    """A process that serves on the port; yields the seconds until /readyz answered."""
    began = time.perf_counter()
    environment = {**os.environ, **variables, "HEADWATER_LOG_LEVEL": "error", "HEADWATER_CLIENT_COST": "0"}
    process = subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() - began > 120:
                    raise RuntimeError("the service did not start") from None
                time.sleep(0.01)
        yield time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


BARE = """
import sys, uvicorn
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
bodies = {path.name: path.read_bytes() for path in Path(sys.argv[1]).iterdir()}
async def answer(request):
    await request.body()
    return Response(bodies[request.path_params["name"]], media_type="application/json")
routes = [Route("/{name}", answer, methods=["POST"]), Route("/readyz", lambda request: Response())]
uvicorn.run(Starlette(routes=routes), port=int(sys.argv[2]), log_level="error", access_log=False)
"""


async def timed(client: Client, path: str, body: bytes, times: int, more: str = "") -> tuple[list[float], bytes]:
    taken, answer = [], b""
    for _ in range(times):
        began = time.perf_counter()
        answer = await client.post(path, body, more)
        taken.append(time.perf_counter() - began)
    return taken, answer


def show(what: str, seconds: list[float], more: str = "") -> None:
    p50, p95 = np.percentile(seconds, (50, 95)) * 1000
    print(f"  {what:<52} {p50:9.3f} {p95:9.3f}  {more}", flush=True)


def event(number: int) -> bytes:
    """A COMPLETE of a new job: three inputs, one output."""

    def table(name: str) -> dict[str, Any]:
        facets = {"schema": {"fields": [{"name": f"c{i}", "type": "int"} for i in range(10)]}}
        return {"namespace": "bench", "name": name, "facets": facets}

    return json.dumps(
        {
            "eventType": "COMPLETE",
            "eventTime": "2026-03-02T06:00:00Z",
            "run": {"runId": f"00000000-0000-4000-8000-{number:012x}"},
            "job": {"namespace": "bench", "name": f"job-{number}"},
            "inputs": [table(f"in-{number}-{i}") for i in range(3)],
            "outputs": [table(f"out-{number}")],
        }
    ).encode()


async def questions(path: Path, nodes: int) -> dict[str, bytes]:
    """The bodies of the requests, about datasets that reach some 10,000 nodes."""
    async with open_backend(f"sqlite:///{path}") as backend:
        found = await roots(backend, layered(nodes))
    of = [(found[10_000] or found[1_000])[0]]
    return {name: json.dumps({"query": query, "variables": {"of": of}}).encode() for name, query in QUERIES.items()}


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nodes", nargs="?", type=int, default=100_000)
    arguments.add_argument("--at", type=Path)
    said = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = (said.at or Path(temporary)) / f"layered-{said.nodes}.db"
        if not path.exists():
            await load(path, lambda: layered(said.nodes))
        bodies = await questions(path, said.nodes)
        answers = Path(temporary) / "answers"
        answers.mkdir()
        await measure(path, bodies, answers)


async def measure(path: Path, bodies: dict[str, bytes], answers: Path) -> None:
    port, bare_port = 18470, 18471
    service = served("-m", "api", "serve", "--port", str(port), port=port, HEADWATER_BACKEND=f"sqlite:///{path}")
    with service as ready:
        print(f"  process to /readyz {ready:.2f} s")
        async with connected(port) as client:
            for number, (name, body) in enumerate(bodies.items()):
                _, answer = await timed(client, "/graphql", body, 3)
                if b'"errors"' in answer:
                    raise RuntimeError(f"{name}: {answer[:500]!r}")
                (answers / str(number)).write_bytes(answer)
            with served("-c", BARE, str(answers), str(bare_port), port=bare_port):
                for number, (name, body) in enumerate(bodies.items()):
                    ours, answer = await timed(client, "/graphql", body, 60)
                    anew, _ = await timed(client, "/graphql", body, 60, ANEW)
                    async with connected(bare_port) as bare:  # which closes what is idle for five seconds
                        floor, _ = await timed(bare, f"/{number}", body, 200)
                    ratio = np.median(floor) / np.median(ours)
                    show(name, ours, f"{len(answer):>9,} bytes, {ratio:.3f} of the bare route")
                    show("  asked anew", anew, f"{'':>16} {np.median(floor) / np.median(anew):.3f}")
            number = int(time.time() * 1000) % 10**9 * 1000
            taken = []
            for step in range(300):
                began = time.perf_counter()
                await client.post("/api/v1/lineage", event(number + step))
                taken.append(time.perf_counter() - began)
            show("one durable event of a new job", taken)
            same, _ = await timed(client, "/api/v1/lineage", event(number), 300)
            show("the same event again", same)
        await together(port, number + 10_000)


async def together(port: int, number: int) -> None:
    """Sixteen senders, each its own connection."""
    taken: list[float] = []

    async def sender(which: int) -> None:
        async with connected(port) as client:
            for step in range(60):
                began = time.perf_counter()
                await client.post("/api/v1/lineage", event(number + which * 1000 + step))
                taken.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(sender(which) for which in range(16)))
    show("durable events, 16 at once", taken, f"{len(taken) / (time.perf_counter() - began):,.0f} a second")


if __name__ == "__main__":
    uvloop.run(main())
