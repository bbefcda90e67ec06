"""What a subgraph of Apollo Federation has beside its own: `_service`, and `_entities` by representations."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import strawberry
from strawberry.types.scalar import ScalarDefinition

from backends.ids import Kind
from schema.types.entities import Dataset, Model, Operation, Prediction

KEYS: Final[Mapping[Kind, Sequence[str]]] = {
    Kind.DATASET: ("id", "namespace name"),
    Kind.OPERATION: ("id", "namespace name"),
    Kind.MODEL: ("id", "namespace name version", "namespace name"),
    Kind.PREDICTION: ("id", "namespace name"),
}
"""The entities of the subgraph, and the sets of fields by which each is found."""
KINDS_BY_TYPE: Final[Mapping[str, Kind]] = {kind.capitalize(): kind for kind in KEYS}
_SAID: Final = ("id", "namespace", "name", "version")


class Representation(NamedTuple):
    """What another subgraph says of an entity of ours: its type and a key. `wrong`: what keeps it from being one. Whatever
    else is said, as a @requires has it, is left out. Hashable, since a field is known by its arguments."""

    kind: Kind | None = None
    id: str | None = None
    namespace: str | None = None
    name: str | None = None
    version: str | None = None
    wrong: str | None = None


def read_representation(value: Any) -> Representation:
    """Reads one. Fails never: one that is wrong must not take the others of its batch with it.

    >>> read_representation({"__typename": "Dataset", "namespace": "ns", "name": "orders"}).name
    'orders'
    >>> read_representation({"__typename": "Job", "id": "job:ns#daily"}).wrong
    '__typename names no entity of this subgraph; it is one of: Dataset, Operation, Model, Prediction'
    """
    if not isinstance(value, Mapping):
        return Representation(wrong="a representation is an object with __typename and the fields of a key")
    typename = value.get("__typename")
    kind = KINDS_BY_TYPE.get(typename) if isinstance(typename, str) else None
    if kind is None:
        types = ", ".join(KINDS_BY_TYPE)
        return Representation(wrong=f"__typename names no entity of this subgraph; it is one of: {types}")
    said = {field: value.get(field) for field in _SAID}
    odd = [field for field, text in said.items() if text is not None and not isinstance(text, str)]
    if odd:
        return Representation(kind, wrong=f"{odd[0]} of a representation is a string")
    if said["id"] is None and said["name"] is None:
        keys = ", or ".join(key.replace(" ", " and ") for key in KEYS[kind])
        return Representation(kind, wrong=f"a {typename} is represented by {keys}")
    return Representation(kind, **said)


REPRESENTATION: Final[ScalarDefinition] = strawberry.scalar(
    name="_Any",
    description="A representation of an entity: an object with its `__typename` and the fields of one of its keys.",
    serialize=lambda value: value,
    parse_value=read_representation,
)

Represented: TypeAlias = Annotated[
    Dataset | Operation | Model | Prediction,
    strawberry.union("_Entity", description="What other subgraphs may refer to, and add fields to."),
]
Representations: TypeAlias = Annotated[
    list[Representation],
    strawberry.argument(description="At most 1,000, each with its `__typename` and the fields of one of its keys."),
]


@strawberry.type(name="_Service", description="This service as a subgraph.")
class Service:
    sdl: str = strawberry.field(description="The schema as a subgraph of Apollo Federation 2, with its directives.")
