"""The fields a query begins with. Each fetches what was gathered for it; see `schema.gather`."""

from typing import Annotated, TypeAlias

import strawberry
from strawberry import UNSET

from schema import enums
from schema.context import Info
from schema.cost.directives import SEARCH, Cost, assumed, paged, sized_by
from schema.gather import value_of
from schema.subgraph import subgraph_of
from schema.types.common import After, AsOf, Connection, EdgeKinds, First, Kinds, Namespace, Node, resolver
from schema.types.entities import Column, Dataset, Entity, Job, Model, Operation, Prediction, Run
from schema.types.federation import Representations, Represented, Service
from schema.types.lineage import Impact, Lineage, Paths
from schema.types.views import ImpactView

Ids: TypeAlias = Annotated[
    list[strawberry.ID],
    strawberry.argument(
        description="At most 1,000. A bare name is one in the namespace `default`; other names of an entity are taken as it."
    ),
]
Id: TypeAlias = Annotated[
    strawberry.ID,
    strawberry.argument(
        description="A bare name is one in the namespace `default`; another name of an entity is taken as it."
    ),
]
Name: TypeAlias = Annotated[str, strawberry.argument(description="The name within its namespace.")]
Way: TypeAlias = Annotated[enums.Direction, strawberry.argument(description="Upstream, downstream, or both.")]
Reach: TypeAlias = Annotated[
    int | None, strawberry.argument(description="How many shown steps away; null is as far as it goes.")
]


@strawberry.type(description="What can be asked. Root fields are nullable: one unknown id does not take the others with it.")
class Query:
    @resolver("Any entity by its id; null where there is none.")
    async def node(self, info: Info, id: Id) -> Node | None:
        found: Node | None = await value_of(info, "node", id=id)
        return found

    @resolver(
        "Entities by their ids, in the order asked, null where there is none.", assumed(1_000), metadata=sized_by("ids")
    )
    async def nodes(self, info: Info, ids: Ids) -> list[Node | None]:
        found: list[Node | None] = await value_of(info, "nodes", ids=ids)
        return found

    @resolver("A dataset by its name, or by another name of it.")
    async def dataset(self, info: Info, name: Name, namespace: Namespace = UNSET) -> Dataset | None:
        found: Dataset | None = await value_of(info, "dataset", namespace=namespace, name=name)
        return found

    @resolver("A job by its name.")
    async def job(self, info: Info, name: Name, namespace: Namespace = UNSET) -> Job | None:
        found: Job | None = await value_of(info, "job", namespace=namespace, name=name)
        return found

    @resolver("An operation by its id.")
    async def operation(self, info: Info, id: Id) -> Operation | None:
        found: Operation | None = await value_of(info, "operation", id=id)
        return found

    @resolver(
        "A version of a model. Without a version: the latest, that is the one trained last, then the greatest version."
    )
    async def model(
        self,
        info: Info,
        name: Name,
        namespace: Namespace = UNSET,
        version: Annotated[str | None, strawberry.argument(description="The version; null for the latest.")] = UNSET,
    ) -> Model | None:
        found: Model | None = await value_of(info, "model", namespace=namespace, name=name, version=version)
        return found

    @resolver("A prediction by its name.")
    async def prediction(self, info: Info, name: Name, namespace: Namespace = UNSET) -> Prediction | None:
        found: Prediction | None = await value_of(info, "prediction", namespace=namespace, name=name)
        return found

    @resolver("A field of a dataset.")
    async def column(
        self,
        info: Info,
        dataset: Annotated[str, strawberry.argument(description="The name of the dataset, or another name of it.")],
        name: Annotated[str, strawberry.argument(description="The name of the field.")],
        namespace: Namespace = UNSET,
    ) -> Column | None:
        found: Column | None = await value_of(info, "column", namespace=namespace, dataset=dataset, name=name)
        return found

    @resolver("A run by its id.")
    async def run(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The run id, with or without `run:`.")],
    ) -> Run | None:
        found: Run | None = await value_of(info, "run", id=id)
        return found

    @resolver(
        "What a person types finds what they mean, the best match first; without a text everything, by id.",
        paged(),
        Cost(weight=SEARCH),
    )
    async def search(
        self,
        info: Info,
        text: Annotated[
            str | None,
            strawberry.argument(description="Words, or beginnings of words: of the name, namespace, columns, tags ..."),
        ] = UNSET,
        kinds: Annotated[
            list[enums.Kind] | None, strawberry.argument(description="Only these kinds; runs are not searched.")
        ] = UNSET,
        namespace: Annotated[str | None, strawberry.argument(description="Only this namespace.")] = UNSET,
        tags: Annotated[list[str] | None, strawberry.argument(description="Only what has all these tags.")] = UNSET,
        first: First = 20,
        after: After = UNSET,
    ) -> Connection[Entity]:
        found: Connection[Entity] = await value_of(
            info, "search", text=text, kinds=kinds, namespace=namespace, tags=tags, first=first, after=after
        )
        return found

    @resolver("A graph for a screen or a program: every node and edge within reach, flat.", paged("maxNodes"))
    async def lineage(
        self,
        info: Info,
        of: Ids,
        direction: Way = enums.Direction.BOTH,
        depth: Reach = UNSET,
        kinds: Kinds = UNSET,
        edge_kinds: EdgeKinds = UNSET,
        max_nodes: Annotated[
            int | None,
            strawberry.argument(description="The nearest so many are given, and the answer says if there are more."),
        ] = 1000,
        as_of: AsOf = UNSET,
    ) -> Lineage | None:
        found: Lineage | None = await value_of(
            info,
            "lineage",
            of=of,
            direction=direction,
            depth=depth,
            kinds=kinds,
            edgeKinds=edge_kinds,
            maxNodes=max_nodes,
            asOf=as_of,
        )
        return found

    @resolver(
        "What breaks if these change: counts at once, rows by the page.", assumed(1_000, "roots"), metadata=sized_by("of")
    )
    async def impact(
        self, info: Info, of: Ids, depth: Reach = UNSET, kinds: Kinds = UNSET, as_of: AsOf = UNSET
    ) -> Impact | None:
        found: Impact | None = await value_of(info, "impact", of=of, depth=depth, kinds=kinds, asOf=as_of)
        return found

    @resolver("What is kept ready of what depends on something: pinned first, then the largest.", assumed(100))
    async def impact_views(self, info: Info) -> list[ImpactView]:
        found: list[ImpactView] = await value_of(info, "impactViews")
        return found

    @resolver("The shortest routes by which one thing reaches another, fewest steps first.", paged("first", "paths"))
    async def paths(
        self,
        info: Info,
        from_: Annotated[strawberry.ID, strawberry.argument(name="from", description="Where the routes begin.")],
        to: Annotated[strawberry.ID, strawberry.argument(description="Where they end.")],
        kinds: Kinds = UNSET,
        first: Annotated[int | None, strawberry.argument(description="How many routes to give, 1 to 100.")] = 3,
    ) -> Paths | None:
        found: Paths | None = await value_of(info, "paths", **{"from": from_}, to=to, kinds=kinds, first=first)
        return found

    @resolver(
        "Entities that other subgraphs refer to, in the order asked; null where there is none, or where an error says why.",
        assumed(1_000),
        name="_entities",
        metadata=sized_by("representations"),
    )
    async def entities(self, info: Info, representations: Representations) -> list[Represented | None]:
        found: list[Represented | None] = await value_of(info, "_entities", representations=representations)
        return found

    @resolver("This service as a subgraph of Apollo Federation.", name="_service")
    def service(self, info: Info) -> Service:
        return Service(sdl=subgraph_of(info.schema))
