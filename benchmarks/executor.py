"""How much Python an answer takes: the compiled executor against graphql-core's on the same schema, resolvers and values.

    python -m benchmarks.executor [nodes] [--at DIRECTORY]     100,000 nodes unless said; keeps or finds the store there

One process, nothing is sent. First lists of nodes of 8 fields that are there in memory, by Strawberry's resolvers as they
are. Then our own schema over the embedded store, from text to JSON, each question asked anew; what is planned, read and
folded is the same for all. "Default" is Strawberry's schema of the same types as it comes, which parses and validates each
time, and Python's own JSON. CPU time, the least of many rounds in which they take turns; ratios are over the compiled one's.
"""

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import strawberry
import uvloop
from graphql import DocumentNode, parse
from strawberry.schema.config import StrawberryConfig

from backends.registry import open_backend
from benchmarks.engine import load, roots
from benchmarks.graphs import layered
from benchmarks.service import QUERIES
from schema import query as schema_query
from schema.context import Context
from schema.execute.run import Compiled
from schema.service import LineageSchema
from schema.types.entities import ENTITY_TYPES

SIZES = (20, 1_000, 10_000)
ROUNDS = 21
Call: TypeAlias = Callable[[], Awaitable[object]]
DOCUMENT = "query ($most: Int!) { nodes(most: $most) { id namespace name title kind depth score shown } }"


@strawberry.enum
class Sort(Enum):
    TABLE = "table"
    TOPIC = "topic"


@strawberry.type
class Row:
    id: strawberry.ID
    namespace: str
    name: str
    title: str
    kind: Sort
    depth: int
    score: float
    shown: bool


ROWS = [
    Row(
        id=strawberry.ID(f"dataset:bench#t{n}"),
        namespace="bench",
        name=f"t{n}",
        title=f"Table {n}",
        kind=list(Sort)[n % 2],
        depth=n % 7,
        score=n / 3,
        shown=n % 3 == 0,
    )
    for n in range(max(SIZES))
]


@strawberry.type
class Query:
    @strawberry.field
    async def nodes(self, most: int) -> list[Row]:
        return ROWS[:most]


async def turns(*calls: Call, times: int = 1) -> list[float]:
    """The least CPU time of each, in milliseconds, of many rounds of so many calls."""
    least = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for at, call in enumerate(calls):
            gc.collect()
            began = time.process_time()
            for _ in range(times):
                await call()
            least[at] = min(least[at], (time.process_time() - began) * 1000 / times)
    return least


async def by_core(schema: strawberry.Schema, document: DocumentNode, most: int) -> Any:
    """The data by graphql-core's executor, which Strawberry uses."""
    executor = schema.execution_context_class.build(schema._schema, document, raw_variable_values={"most": most})
    assert not isinstance(executor, list)
    result: Any = executor.execute_operation()
    return (await result).data


def show(what: str, took: list[float]) -> None:
    ratios = "".join(f"{each:10.3f} {each / took[0]:6.1f}" for each in took[1:])
    print(f"  {what:<54} {took[0]:9.3f}{ratios}", flush=True)


async def lists() -> None:
    """Nodes of 8 fields that are there."""
    schema = strawberry.Schema(Query)
    compiled = Compiled(schema, lambda reason: None)
    document = parse(DOCUMENT)
    for size in SIZES:
        ours = partial(compiled.execute, DOCUMENT, document, None, {"most": size}, None)
        assert (await ours()).data == await by_core(schema, document, size)
        calls = ours, partial(by_core, schema, document, size)
        show(f"{size:,} nodes of 8 fields", await turns(*calls, times=max(1, 1_000 // size)))


async def graphs(path: Path, nodes: int) -> None:
    """Our own schema, asked anew each time: planning and reading are the same for both."""
    async with open_backend(f"sqlite:///{path}") as backend:
        found = await roots(backend, layered(nodes))
        of = [(found[10_000] or found[1_000])[0]]
        compiled, general = LineageSchema(), LineageSchema(compiled=False)
        kinds = list(ENTITY_TYPES.values())
        config = StrawberryConfig(scalar_map=compiled.config.scalar_map)
        default = strawberry.Schema(schema_query.Query, types=kinds, config=config)

        async def asked(schema: strawberry.Schema, write: Callable[[Any], Any], query: str) -> Any:
            result = await schema.execute(query, {"of": of} if "$of" in query else None, Context(backend))
            assert not result.errors
            return write(result.data)

        ways = (compiled, orjson.dumps), (general, orjson.dumps), (default, json.dumps)
        for name, query in QUERIES.items():
            calls = [partial(asked, schema, write, query) for schema, write in ways]
            answers = [json.loads(await call()) for call in calls]
            assert answers[0] == answers[1] == answers[2]
            show(name, await turns(*calls))


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nodes", nargs="?", type=int, default=100_000)
    arguments.add_argument("--at", type=Path)
    said = arguments.parse_args()
    print(f"  {'CPU milliseconds':<54} {'compiled':>9}{'general':>10} {'':>6}{'default':>10}")
    await lists()
    with tempfile.TemporaryDirectory() as temporary:
        path = (said.at or Path(temporary)) / f"layered-{said.nodes}.db"
        if not path.exists():
            await load(path, lambda: layered(said.nodes))
        await graphs(path, said.nodes)


if __name__ == "__main__":
    uvloop.run(main())
