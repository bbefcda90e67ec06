"""Another process that writes to Neo4j whatever happens to the server: `python -m tests.backends.neo4j_writer URL NAME
FIRST COUNT`. It prints a line for each write once it is acknowledged, `? number` where nobody knows, and `done`."""

import asyncio
import sys

from backends.base import LineageBackend
from backends.errors import BackendError
from backends.registry import open_backend
from tests.backends.test_processes import event

WRITERS = 2


async def back(backend: LineageBackend) -> None:
    """Returns once the server answers again."""
    while True:
        try:
            return await backend.ping()
        except BackendError:
            await asyncio.sleep(0.2)


async def main(url: str, name: str, first: int, count: int) -> None:
    numbers = iter(range(first, first + count))

    async def writer() -> None:
        for number in numbers:
            try:
                await backend.apply(event(name, number))
            except BackendError as error:
                if not error.retryable:
                    raise
                print(f"? {number}", flush=True)  # noqa: T201 (how the parent is told)
                await back(backend)
            else:
                print(number, flush=True)  # noqa: T201

    async with open_backend(url) as backend:
        await asyncio.gather(*(writer() for _ in range(WRITERS)))
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
