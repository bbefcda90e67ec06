"""How many answers a second over HTTP, each run anew: ours, Strawberry as it comes on the same resolvers, and a bare
Starlette route that returns the same bytes. Run on a quiet machine; needs wrk (Debian: wrk).

    python -m benchmarks.lists [nodes] [--at DIRECTORY]     100,000 nodes unless said; keeps or finds the store there
    python -m benchmarks.lists --only "no attributes"       of the questions those that are called so
    python -m benchmarks.lists [nodes] --neo4j              lineage of some 1,000 nodes in a Neo4j of its own

First lists of nodes of 8 fields that are there in memory, then questions about lineage in the embedded store, with no cache.
Each server is a process with one worker; they are measured in turns, ROUNDS times, and ratios are of the medians. Then how
long answers take with 64 connections at once. With Neo4j the bare route runs the best statement known by the bare driver and
answers with its ids, depths and edges; ours shows the same nodes and edges, without an index and with one.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import neo4j
import orjson
import strawberry
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from strawberry.asgi import GraphQL
from strawberry.schema.config import StrawberryConfig

from api.server import settle
from backends.base import LineageBackend
from backends.neo4j_settings import Settings
from backends.registry import open_backend
from benchmarks.engine import load, roots
from benchmarks.executor import ROWS, Row
from benchmarks.graphs import layered, writes
from benchmarks.neo4j import CLOSURE, chosen
from benchmarks.service import BARE, QUERIES, connected, served
from benchmarks.throughput import MANY, neo4j_server, wrk
from schema.context import Context
from schema.http.app import GraphQLApp
from schema.query import Query
from schema.service import LineageSchema
from schema.types.entities import ENTITY_TYPES

ROUNDS: Final = 5
SECONDS: Final = 3
FEW: Final = 4
"""Connections at once."""
PORTS: Final = {"ours": 18490, "default": 18491, "bare": 18492, "indexed": 18493, "statement": 18494}
ROW: Final = "id namespace name title kind depth score shown"
ASKED = {f"{size:,} nodes of 8 fields": f"{{ rows(most: {size}) {{ {ROW} }} }}" for size in (20, 1_000, 10_000)} | {
    name: QUERIES[name]
    for name in (
        "{ __typename }",
        "flat lineage, 1,000 nodes, no attributes",
        "flat lineage, 1,000 nodes, attributes and evidence",
        "nested, 3 hops of 10",
    )
}


def nested(depth: int, first: int = 3) -> str:
    """So many hops down, each with a few: a tree that repeats what it meets again."""
    text = "{ id }"
    for _ in range(depth):
        text = f"{{ id ... on Dataset {{ downstream(first: {first}) {{ nodes {text} }} }} }}"
    return f"query ($of: [ID!]!) {{ nodes(ids: $of) {text} }}"


ASKED |= {f"nested, {depth} hops of 3": nested(depth) for depth in (5, 10)}


SHOWN: Final = """query ($of: [ID!]!) {
    lineage(of: $of, direction: DOWNSTREAM, kinds: [DATASET, OPERATION], maxNodes: 10000) {
    nodes { entity { id } depth } edges { source target } answer { complete } } }"""


@strawberry.type(name="Query")
class WithRows(Query):
    @strawberry.field
    async def rows(self, most: int) -> list[Row]:
        return ROWS[:most]


def serve(name: str, url: str) -> None:
    """One of the servers, in this process, until it is ended."""
    uvicorn.run(application(name, url), port=PORTS[name], log_level="error", access_log=False)


def application(name: str, url: str) -> Starlette:
    if name == "statement":
        return statement(url)
    held: list[LineageBackend] = []
    schema = LineageSchema(query=WithRows)

    async def context_of(*_: Any) -> Context:
        return Context(held[0])

    class Default(GraphQL[Any, Any]):
        async def get_context(self, *_: Any, **__: Any) -> Any:
            return Context(held[0])

    def default() -> GraphQL[Any, Any]:
        config = StrawberryConfig(scalar_map=schema.config.scalar_map)
        return Default(strawberry.Schema(WithRows, types=list(ENTITY_TYPES.values()), config=config))

    async def ready(_: Request) -> Response:
        return Response()

    class Lifespan:
        async def __aenter__(self) -> None:
            held.append(await open_backend(url).__aenter__())
            if name != "default":
                settle()  # as our service does

        async def __aexit__(self, *error: Any) -> None:
            await held.pop().__aexit__(None, None, None)

    graphql = default() if name == "default" else GraphQLApp(schema, context_of)
    return Starlette(routes=[Route("/readyz", ready), Mount("/graphql", graphql)], lifespan=lambda _: Lifespan())


def statement(url: str) -> Starlette:
    """A route that runs the best statement known, by the bare driver."""
    said = Settings.parse(url)
    login = (said.user or "", said.password or "")
    driver = neo4j.AsyncGraphDatabase.driver(said.url, auth=login, notifications_min_severity="OFF")

    async def answer(request: Request) -> Response:
        root = orjson.loads(await request.body())["variables"]["of"][0]
        async with driver.session() as session:
            record = await (await session.run(CLOSURE, root=root)).single(strict=True)
        return Response(orjson.dumps(record.values()), media_type="application/json")

    async def ready(_: Request) -> Response:
        return Response()

    return Starlette(routes=[Route("/readyz", ready), Route("/graphql/", answer, methods=["POST"])])


async def beside_statement(nodes: int, folder: Path) -> None:
    with neo4j_server(folder / "neo4j") as url:
        graph = layered(nodes)
        async with open_backend(url) as store:
            for changes in writes(graph):
                await store.apply(changes)
        said = Settings.parse(url)
        login = (said.user or "", said.password or "")
        made = neo4j.AsyncGraphDatabase.driver(said.url, auth=login, notifications_min_severity="OFF")
        async with made as driver, driver.session() as session:
            of = [(await chosen(session, graph))[1_000]]
        body = json.dumps({"query": SHOWN, "variables": {"of": of}})
        servers = {"statement": url, "ours": url, "indexed": f"{url}?index=on"}
        with ExitStack() as stack:
            for name, store_url in servers.items():
                stack.enter_context(served("-m", "benchmarks.lists", "--serve", name, store_url, port=PORTS[name]))
            async with connected(PORTS["ours"]) as client:
                told = json.loads(await client.post("/graphql/", body.encode()))["data"]["lineage"]
            print(f"  lineage of {len(told['nodes']):,} nodes, {len(told['edges']):,} edges")
            rates: dict[str, list[float]] = {name: [] for name in servers}
            for _ in range(ROUNDS):
                for name, found in rates.items():
                    found.append((await asyncio.to_thread(wrk, folder, address(name, 0), body, FEW, SECONDS))[0])
            bare, *_ = medians = [statistics.median(found) for found in rates.values()]
            for name, rate in zip(servers, medians, strict=True):
                print(f"  {name:<12} {rate:9,.1f} a second {rate / bare:9.2f}", flush=True)


async def measure(path: Path, nodes: int, folder: Path, only: str) -> None:
    url = f"sqlite:///{path}"
    async with open_backend(url) as backend:
        of = [(await roots(backend, layered(nodes)))[10_000 if nodes > 10_000 else 1_000][0]]
    bodies = {
        what: json.dumps({"query": query} | ({"variables": {"of": of}} if "$of" in query else {}))
        for what, query in ASKED.items()
        if only in what
    }
    answers = folder / "answers"
    answers.mkdir()
    with ExitStack() as stack:
        for name in ("ours", "default"):
            stack.enter_context(served("-m", "benchmarks.lists", "--serve", name, url, port=PORTS[name]))
        for number, (what, body) in enumerate(bodies.items()):
            told = []
            for name in ("ours", "default"):
                async with connected(PORTS[name]) as client:
                    answer = await client.post("/graphql/", body.encode())
                    told.append(json.loads(answer))
                if name == "ours":
                    (answers / str(number)).write_bytes(answer)
            assert told[0] == told[1], what
        stack.enter_context(served("-c", BARE, str(answers), str(PORTS["bare"]), port=PORTS["bare"]))
        print(f"  {'':<52} {'ours':>9} {'default':>9} {'bare':>9}  ours/default  ours/bare   bytes")
        for number, (what, body) in enumerate(bodies.items()):
            rates: dict[str, list[float]] = {name: [] for name in ("ours", "default", "bare")}
            for _ in range(ROUNDS):
                for name, found in rates.items():
                    found.append((await asyncio.to_thread(wrk, folder, address(name, number), body, FEW, SECONDS))[0])
            ours, default, bare = (statistics.median(found) for found in rates.values())
            shown = f"{ours:9,.1f} {default:9,.1f} {bare:9,.1f} {ours / default:13.1f} {ours / bare:10.2f}"
            print(f"  {what:<52} {shown} {(answers / str(number)).stat().st_size:9,}", flush=True)
        print(f"\n  {MANY} connections: 99 of 100 answers within, milliseconds")
        for number, (what, body) in enumerate(bodies.items()):
            late = [wrk(folder, address(name, number), body, MANY, 10 * SECONDS)[1] for name in ("ours", "bare")]
            print(f"  {what:<52} {late[0]:9.1f} {'':>9} {late[1]:9.1f}", flush=True)


def address(name: str, number: int) -> str:
    return f"http://127.0.0.1:{PORTS[name]}/{number if name == 'bare' else 'graphql/'}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nodes", nargs="?", type=int, default=100_000)
    arguments.add_argument("--at", type=Path)
    arguments.add_argument("--only", default="", help="of the questions those that are called so")
    arguments.add_argument("--neo4j", action="store_true")
    arguments.add_argument("--serve", nargs=2, metavar=("NAME", "URL"), help=argparse.SUPPRESS)
    said = arguments.parse_args()
    if said.serve:
        serve(*said.serve)
        return
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed")
    with tempfile.TemporaryDirectory() as temporary:
        if said.neo4j:
            uvloop.run(beside_statement(said.nodes, Path(temporary)))
            return
        path = (said.at or Path(temporary)) / f"layered-{said.nodes}.db"
        if not path.exists():
            uvloop.run(load(path, lambda: layered(said.nodes)))
        uvloop.run(measure(path, said.nodes, Path(temporary), said.only))


if __name__ == "__main__":
    main()
