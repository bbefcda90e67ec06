"""Everything a query shows, read before anything is shown: resolvers fetch their values here and ask no backend.

The first root field of a query gathers for all of them, so that they share their calls; see `schema.drive`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from backends.model import Node
from schema.context import Context, Info
from schema.drive import Again, Reader, Task
from schema.federation import entities
from schema.flat import FLAT_ROOTS
from schema.follow import Spot
from schema.names import Sought
from schema.pins import impact_views
from schema.roots import ENTITY_ROOTS, RootTask, find, known
from schema.seen import Seen
from schema.selection import Document, FieldKey, Selection, field_key

ROOTS: Mapping[str, RootTask] = {**ENTITY_ROOTS, **FLAT_ROOTS, "impactViews": impact_views, "_entities": entities}
_PAYLOAD = ("payload",)


async def value_of(info: Info, name: str, /, **args: Any) -> Any:
    """The value of a root field of the query with these arguments. Raises what went wrong with it."""
    context = info.context
    if context.gathered is None:
        context.gathered = asyncio.ensure_future(_gather(context, Document.of(info._raw_info)))
    values: dict[FieldKey, Any] = await context.gathered
    value = values[field_key(name, args)]
    if isinstance(value, Exception):
        raise value
    return value


async def _gather(context: Context, document: Document) -> dict[FieldKey, Any]:
    fields = [field for field in Selection.root(document).fields("Query") if field.name in ROOTS]

    def begin(reader: Reader) -> None:
        for field in fields:
            reader.spawn(field.key, ROOTS[field.name](reader, field))

    return (await read_whole(context, begin, watermark=document.selects("watermark"))).values


async def gather_entities(
    context: Context, document: Document, asked: Mapping[str, tuple[Selection | None, Iterable[str]]]
) -> dict[str, list[Seen]]:
    """The entities with these ids as they are shown under each name: what the payload of a mutation shows."""
    shown: dict[str, list[Seen]] = {}

    def begin(reader: Reader) -> None:
        for name, (below, ids) in asked.items():
            spot = Spot(reader, _PAYLOAD, below)
            shown[name] = [spot.add(each) for each in ids]
            spot.spawn()

    reader = await read_whole(context, begin, watermark=document.selects("watermark"))
    if isinstance(error := reader.values.get(_PAYLOAD), Exception):
        raise error
    return shown


async def find_one(context: Context, name: Sought) -> Node | None:
    """The node that a name means. Raises BAD_INPUT where several kinds answer."""
    found: list[Any] = []

    def look(reader: Reader) -> Task:
        found[:] = yield from find(reader, [name])

    reader = await read_whole(context, lambda reader: reader.spawn((), look(reader)), watermark=False)
    if isinstance(error := reader.values.get(()), Exception):
        raise error
    node: Node | None = found[0]
    return node


async def known_one(context: Context, text: str) -> Node:
    """The node that an id stands for. Raises NOT_FOUND with the nearest ids where there is none, BAD_INPUT."""
    return (await known_all(context, [text], "id"))[0]


async def known_all(context: Context, ids: Sequence[str], argument: str) -> list[Node]:
    """The nodes that the ids of an argument stand for, each once. Raises as `known_one`."""
    found: list[Node] = []

    def look(reader: Reader) -> Task:
        found[:] = yield from known(reader, ids, argument)

    reader = await read_whole(context, lambda reader: reader.spawn((), look(reader)), watermark=False)
    if isinstance(error := reader.values.get(()), Exception):
        raise error
    return found


async def read_whole(context: Context, begin: Callable[[Reader], None], *, watermark: bool) -> Reader:
    """Reads until all of it is of one moment, a few times at most; then as it is, and the answers say so."""
    async with context.time_left():
        for attempt in range(1, context.costs.attempts + 1):
            reader = Reader(context, watermark=watermark, is_last=attempt == context.costs.attempts)
            begin(reader)
            try:
                await reader.run()
                break
            except Again:
                reader.store.epochs_differ = True
        return reader
