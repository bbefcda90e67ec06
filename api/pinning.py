"""`headwater pin`: what is pinned in a store, and what shall be from now on. Services over it notice within some seconds."""

from collections.abc import Callable, Sequence

from backends.commands import CommandError
from backends.registry import open_backend, without_index
from cache.pins import Pins
from schema.context import Context
from schema.pinning import pin, unpin


async def pinned(url: str, say: Callable[[str], None]) -> None:
    """Says what is pinned, an id a line. Raises `BackendError`."""
    async with open_backend(without_index(url)) as backend:
        roots = await Pins(backend).pinned()
        nodes = (await backend.get(roots)).nodes
    for root, node in zip(roots, nodes, strict=True):
        say(root if node is not None and node.standing else f"{root} (gone)")


async def set_pins(url: str, ids: Sequence[str], *, remove: bool) -> tuple[list[str], list[str]]:
    """Pins or unpins each of these, and returns the ids of those it was done to and what is wrong with the others. Raises
    `BackendError`."""
    done: list[str] = []
    wrong: list[str] = []
    async with open_backend(without_index(url)) as backend:
        pins = Pins(backend)
        for text in ids:
            try:
                done.append(await (unpin if remove else pin)(Context(backend), pins, text))
            except CommandError as error:
                wrong.append(error.message)
    return done, wrong
