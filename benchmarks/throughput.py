"""How many hot questions a second the service answers over HTTP, 32 connections at once, beside a bare Starlette route that
returns the same bytes. Run on a quiet machine; needs wrk (Debian: wrk).

    python -m benchmarks.throughput [nodes]             over the embedded store, 100,000 nodes unless said
    python -m benchmarks.throughput [nodes] --neo4j     over a Neo4j of its own, with the index in process

Both servers have one worker and are measured in turns, ROUNDS times; the ratio is of the medians. Then the time within which
99 of 100 answers come with 64 connections. A service with the cache
off is measured once, for comparison.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvloop

from backends.registry import open_backend
from benchmarks.engine import load, roots
from benchmarks.graphs import layered, writes
from benchmarks.service import BARE, QUERIES, connected, served
from tests.servers.neo4j import Neo4jServer

CONNECTIONS, MANY = 32, 64
ROUNDS = 5
SECONDS = 3
PORT, BARE_PORT, OFF_PORT = 18480, 18481, 18482


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nodes", nargs="?", type=int, default=100_000)
    arguments.add_argument("--neo4j", action="store_true")
    said = arguments.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed")
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(said.nodes, Path(folder), neo4j=said.neo4j))


async def measure(nodes: int, folder: Path, *, neo4j: bool) -> None:
    async with stored(nodes, folder, neo4j=neo4j) as url:
        async with open_backend(url) as backend:
            of = [(await roots(backend, layered(nodes)))[10_000 if nodes > 10_000 else 1_000][0]]
        bodies = [json.dumps({"query": query, "variables": {"of": of}}) for query in QUERIES.values()]
        answers = folder / "answers"
        answers.mkdir()
        command = ("-m", "api", "serve", "--port")
        with served(*command, str(OFF_PORT), port=OFF_PORT, HEADWATER_BACKEND=url, HEADWATER_CACHE="off"):
            off = [rate(folder, f"http://127.0.0.1:{OFF_PORT}/graphql", body) for body in bodies]
        with served(*command, str(PORT), port=PORT, HEADWATER_BACKEND=url):
            async with connected(PORT) as client:
                for number, body in enumerate(bodies):
                    for _ in range(4):
                        answer = await client.post("/graphql", body.encode())
                    (answers / str(number)).write_bytes(answer)
            with served("-c", BARE, str(answers), str(BARE_PORT), port=BARE_PORT):
                for number, (name, body) in enumerate(zip(QUERIES, bodies, strict=True)):
                    rates: dict[int, list[float]] = {PORT: [], BARE_PORT: []}
                    for _ in range(ROUNDS):
                        rates[PORT].append(rate(folder, f"http://127.0.0.1:{PORT}/graphql", body))
                        rates[BARE_PORT].append(rate(folder, f"http://127.0.0.1:{BARE_PORT}/{number}", body))
                    ours, bare = (statistics.median(rates[port]) for port in (PORT, BARE_PORT))
                    late = wrk(folder, f"http://127.0.0.1:{PORT}/graphql", body, MANY, SECONDS)[1]
                    shown = f"{ours:8,.0f} a second, cache off {off[number]:6,.0f}, bare {bare:8,.0f}: {ours / bare:.2f}"
                    shown += f"; {MANY} connections: 99 of 100 within {late:.1f} ms"
                    print(f"  {name:<52} {shown}", flush=True)


@asynccontextmanager
async def stored(nodes: int, folder: Path, *, neo4j: bool) -> AsyncIterator[str]:
    """The URL of a store with the graph."""
    if not neo4j:
        path = folder / "lineage.db"
        await load(path, lambda: layered(nodes))
        yield f"sqlite:///{path}"
        return
    with neo4j_server(folder / "neo4j") as url:
        async with open_backend(url) as backend:
            for changes in writes(layered(nodes)):
                await backend.apply(changes)
        yield f"{url}?index=on"


@contextmanager
def neo4j_server(home: Path) -> Iterator[str]:
    server = Neo4jServer(home)
    server.start()
    try:
        yield server.url
    finally:
        server.kill()


def rate(folder: Path, url: str, body: str) -> float:
    """Answers a second."""
    return wrk(folder, url, body, CONNECTIONS, SECONDS)[0]


def wrk(folder: Path, url: str, body: str, connections: int, seconds: int) -> tuple[float, float]:
    """Answers a second, and the time within which 99 of 100 came, in milliseconds."""
    script = folder / "post.lua"
    script.write_text(f'wrk.method = "POST"\nwrk.body = [==[{body}]==]\nwrk.headers["Content-Type"] = "application/json"\n')
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "60s", "-s", str(script), url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    rate, late = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    assert rate is not None
    assert late is not None
    return float(rate[1]), float(late[1]) * {"us": 0.001, "ms": 1, "s": 1000}[late[2]]


if __name__ == "__main__":
    main()
