"""What can be followed. See `schema.live` for how."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, TypeVar, cast

import strawberry
from strawberry import ID, UNSET

from backends.model import Epoch
from schema import enums
from schema.context import Context, Info
from schema.drive import Reader, Task
from schema.errors import ApiError, Code, bad_input
from schema.flat import edges_of
from schema.gather import known_all, read_whole
from schema.joins import Steps
from schema.live.picture import Delta, Question
from schema.plan import read_depth, read_shown
from schema.query import Ids, Reach, Way
from schema.selection import Document, Field, Selection
from schema.types.common import EdgeKinds, Kinds
from schema.types.delta import LineageDelta

F = TypeVar("F", bound=Callable[..., Any])


def _followed(description: str) -> Callable[[F], F]:
    """Marks a generator as a field that can be followed; see `resolver`."""
    return cast(Callable[[F], F], strawberry.subscription(description=description))


@strawberry.type(description="What can be followed, over graphql-transport-ws or as server-sent events.")
class Subscription:
    @_followed(
        "What came and went within reach of these, as soon as a write is acknowledged. The first answer says from which "
        "epoch on; names are resolved when it begins."
    )
    async def lineage_changed(
        self,
        info: Info,
        of: Ids,
        direction: Way = enums.Direction.BOTH,
        depth: Reach = UNSET,
        kinds: Kinds = UNSET,
        edge_kinds: EdgeKinds = UNSET,
        since: Annotated[
            str | None,
            strawberry.argument(
                description="The epoch to go on from, as an answer or a delta told it: the first answer is what came and "
                "went since. Then `of` holds whole ids. Null begins now."
            ),
        ] = UNSET,
    ) -> AsyncGenerator[LineageDelta, None]:
        (field,) = Selection.root(Document.of(info._raw_info)).fields("Subscription")
        async with aclosing(_deltas(info.context, field)) as deltas:
            async for delta in deltas:
                yield delta


async def _deltas(context: Context, field: Field) -> AsyncGenerator[LineageDelta, None]:
    if context.live is None:
        raise ApiError(Code.UNSUPPORTED, "nothing is followed here")
    args = field.args
    since = _read_since(args.get("since"))
    depth, (kinds, edge_kinds) = read_depth(args.get("depth")), read_shown(args)
    ids = tuple(node.id for node in await known_all(_anew(context), args["of"], "of"))
    if since is not None and (names := [each for each in args["of"] if each not in ids]):
        # What else a name stood for then is not in the log.
        raise bad_input(f"to go on from an epoch, name entities by their whole ids; {names[0]} is a name", field="of")
    question = Question(tuple(sorted(ids)), args["direction"].value, depth, kinds, edge_kinds)
    async with aclosing(context.live.follow(question, since)) as deltas:
        async for delta in deltas:
            yield await _told(_anew(context), field, delta)


def _anew(context: Context) -> Context:
    """For one answer of many: each has its own time."""
    return replace(context, deadline=None, gathered=None)


def _read_since(text: str | None) -> Epoch | None:
    try:
        return None if text is None else Epoch.parse(text)
    except ValueError:
        raise bad_input("since is an epoch as answer.epoch tells it, such as 42-0123456789abcdef", field="since") from None


async def _told(context: Context, field: Field, delta: Delta) -> LineageDelta:
    """A delta with what is selected of its edges."""
    made: list[LineageDelta] = []

    def tell(reader: Reader) -> Task:
        edges = []
        for name, steps in (("edgesAdded", delta.edges_added), ("edgesRemoved", delta.edges_removed)):
            below = field.below.field("LineageDelta", name)
            shown = edges_of(reader, field.key, Steps.of(steps), delta.members or {}, below) if below is not None else []
            edges.append(shown)
        made.append(
            LineageDelta(
                nodes_added=list(map(ID, delta.nodes_added)),
                nodes_removed=list(map(ID, delta.nodes_removed)),
                edges_added=edges[0],
                edges_removed=edges[1],
                epoch=str(delta.epoch),
            )
        )
        yield from ()

    reader = await read_whole(context, lambda reader: reader.spawn(field.key, tell(reader)), watermark=False)
    if isinstance(error := reader.values.get(field.key), Exception):
        raise error
    return made[0]
