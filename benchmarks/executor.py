"""How much Python an answer takes: the compiled executor against graphql-core's on the same schema, resolvers and values.

    python -m benchmarks.executor [nodes] [--at DIRECTORY]     100,000 nodes unless said; keeps or finds the store there

One process, nothing is sent. First lists of nodes of 8 fields that are there in memory, by Strawberry's resolvers as they
are. Then our own schema over the embedded store, each question asked anew; what is planned, read and folded is the same for
both. The least of many rounds in which the two take turns; a ratio is the general executor's time over the compiled one's.
"""

import argparse
import gc
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
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from backends.registry import open_backend
from benchmarks.engine import load, roots
from benchmarks.graphs import layered
from benchmarks.service import QUERIES
from schema.context import Context
from schema.execute.run import Compiled
from schema.service import LineageSchema

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


async def turns(ours: Call, core: Call, times: int = 1) -> tuple[float, float]:
    """The least time of each, in milliseconds, of many rounds of so many calls."""
    least = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for at, call in enumerate((ours, core)):
            gc.collect()
            began = time.perf_counter()
            for _ in range(times):
                await call()
            least[at] = min(least[at], (time.perf_counter() - began) * 1000 / times)
    return least[0], least[1]


async def by_core(schema: strawberry.Schema, document: DocumentNode, most: int) -> Any:
    """The data by graphql-core's executor, which Strawberry uses."""
    executor = schema.execution_context_class.build(schema._schema, document, raw_variable_values={"most": most})
    assert not isinstance(executor, list)
    result: Any = executor.execute_operation()
    return (await result).data


def show(what: str, ours: float, core: float, more: str = "") -> None:
    print(f"  {what:<54} {ours:9.3f} {core:9.3f} {core / ours:8.1f}  {more}", flush=True)


async def lists() -> None:
    """Nodes of 8 fields that are there."""
    schema = strawberry.Schema(Query)
    compiled = Compiled(schema, lambda reason: None)
    document = parse(DOCUMENT)
    for size in SIZES:
        asked = ExecutionContext(DOCUMENT, schema, set(OperationType), variables={"most": size}, graphql_document=document)
        data = (await compiled.execute(asked)).data
        assert data == await by_core(schema, document, size)
        ours, core = await turns(
            partial(compiled.execute, asked), partial(by_core, schema, document, size), max(1, 1_000 // size)
        )
        began = time.perf_counter()
        orjson.dumps(data)
        show(f"{size:,} nodes of 8 fields", ours, core, f"to JSON {(time.perf_counter() - began) * 1000:.3f}")


async def graphs(path: Path, nodes: int) -> None:
    """Our own schema, asked anew each time: planning and reading are the same for both."""
    async with open_backend(f"sqlite:///{path}") as backend:
        found = await roots(backend, layered(nodes))
        of = [(found[10_000] or found[1_000])[0]]
        schemas = LineageSchema(), LineageSchema(compiled=False)

        async def asked(schema: LineageSchema, query: str) -> object:
            result = await schema.execute(query, {"of": of} if "$of" in query else None, Context(backend))
            assert not result.errors
            return result.data

        for name, query in QUERIES.items():
            assert await asked(schemas[0], query) == await asked(schemas[1], query)
            show(name, *await turns(partial(asked, schemas[0], query), partial(asked, schemas[1], query)))


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nodes", nargs="?", type=int, default=100_000)
    arguments.add_argument("--at", type=Path)
    said = arguments.parse_args()
    print(f"  {'milliseconds':<54} {'compiled':>9} {'general':>9} {'ratio':>8}")
    await lists()
    with tempfile.TemporaryDirectory() as temporary:
        path = (said.at or Path(temporary)) / f"layered-{said.nodes}.db"
        if not path.exists():
            await load(path, lambda: layered(said.nodes))
        await graphs(path, said.nodes)


if __name__ == "__main__":
    uvloop.run(main())
