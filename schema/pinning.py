"""Pins and unpins what a client names, whoever keeps the pins: the mutations, and the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

from backends.commands import CommandError
from schema.context import Context
from schema.errors import ApiError
from schema.gather import find_one, known_one
from schema.names import nearest, sought
from schema.pins import Pins


@contextmanager
def told_of(field: str) -> Iterator[None]:
    """What is wrong with the request is wrong with this field of a command."""
    try:
        yield
    except ApiError as error:
        raise CommandError(error.code, error.message, field) from None


async def pin(context: Context, pins: Pins, text: str) -> str:
    """Pins an entity and returns its id. Raises `CommandError` (NOT_FOUND with the nearest id), `BackendError`."""
    with told_of("id"):
        root = (await known_one(context, text)).id
    await pins.pin(root)
    return root


async def unpin(context: Context, pins: Pins, text: str) -> str:
    """Takes the pin of an entity away and returns its id; one that is gone may still be pinned. Raises `CommandError`
    (NOT_FOUND where it is not pinned, with the nearest that is), `BackendError`."""
    with told_of("id"):
        meant = sought(text)
        found = await find_one(context, meant)
    root = text if found is None else found.id
    if not await pins.unpin(root):
        near = nearest(meant, await pins.pinned(), 1)
        raise CommandError("NOT_FOUND", f"{root} is not pinned" + (f"; did you mean {near[0]}?" if near else ""), "id")
    return root
