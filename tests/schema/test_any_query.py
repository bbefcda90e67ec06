"""Queries made up from the schema: whatever is asked, the answer is data or an error with a code, never a fault of ours."""

import random
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from backends.ids import Kind
from backends.model import ENDS, FLOW, EdgeKind
from schema.context import Costs
from schema.guards import Limits
from schema.plan import API_KINDS
from schema.service import LineageSchema, schema
from tests.schema.test_fields import IDS, rich

IDS_SAID = [*IDS.values(), "t", "dataset:n#alias", "dataset:n#no", "run:r1", "M1", "model:n#M1"]
REFUSED = ("asOf", "after")
TYPES = schema()._schema.type_map


class Asker:
    """Makes up a query; every choice comes from one source of chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.careless = self.chance.random() < 0.2

    def query(self) -> str:
        root = TYPES["Query"]
        assert isinstance(root, GraphQLObjectType)
        names = self.chance.sample(sorted(root.fields), self.chance.randint(1, 3))
        return "{ " + " ".join(f"a{n}: {self.field(name, root, 0)}" for n, name in enumerate(names)) + " }"

    def field(self, name: str, parent: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        field = parent.fields[name]
        given = {
            each: self.value(argument.type, each)
            for each, argument in field.args.items()
            if is_non_null_type(argument.type) or (self.chance.random() < 0.35 and (self.careless or each not in REFUSED))
        }
        if given.get("kinds", "null") != "null" and not self.careless:
            given["kinds"] = self.met(given.get("edgeKinds", "null"))
        text = f"({', '.join(f'{each}: {value}' for each, value in given.items())})" if given else ""
        below = get_named_type(field.type)
        return name + text + ("" if is_leaf_type(below) else f" {{ {self.selection(below, depth + 1)} }}")

    def met(self, edge_kinds: str) -> str:
        """Kinds of which one at least is met along those edges; the others are any but runs."""
        named = edge_kinds.strip("[]").replace("GENERATED_BY", "GENERATED").split(", ")
        edges = FLOW if edge_kinds == "null" else {EdgeKind[each] for each in named}
        ends = sorted({kind for each in edges for end in ENDS[each] for kind in end})
        others = sorted(API_KINDS - {Kind.RUN})
        return f"[{', '.join([self.chance.choice(ends), *self.chance.sample(others, self.chance.randint(0, 2))])}]"

    def selection(self, kind: Any, depth: int) -> str:
        parts = ["__typename"]
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            possible = sorted(each.name for each in schema()._schema.get_possible_types(kind))
            for name in self.chance.sample(possible, 2 if depth < 7 else 0):
                parts.append(f"... on {name} {{ {self.selection(TYPES[name], depth)} }}")
            if isinstance(kind, GraphQLInterfaceType) and kind.name == "Entity":
                parts += [f"x{depth}{n}: {self.field(each, kind, depth)}" for n, each in enumerate(self.some(kind, depth))]
        else:
            label = f"{kind.name[:3]}{depth}".lower()
            parts += [f"{label}{n}: {self.field(each, kind, depth)}" for n, each in enumerate(self.some(kind, depth))]
        return " ".join(parts)

    def some(self, kind: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> list[str]:
        leaves = [name for name, field in kind.fields.items() if is_leaf_type(get_named_type(field.type))]
        links = [name for name in kind.fields if name not in leaves]
        picked = self.chance.sample(leaves, min(len(leaves), 2))
        return picked + (self.chance.sample(links, min(len(links), self.chance.randint(1, 2))) if depth < 8 else [])

    def value(self, kind: GraphQLInputType, name: str) -> str:
        if not is_non_null_type(kind) and self.chance.random() < 0.1:
            return "null"
        kind = kind.of_type if is_non_null_type(kind) else kind
        if is_list_type(kind):
            return "[" + ", ".join(self.value(kind.of_type, name) for _ in range(self.chance.randint(1, 3))) + "]"
        named = get_named_type(kind)
        if isinstance(named, GraphQLEnumType):
            return str(self.chance.choice(sorted(named.values)))
        if named.name == "ID":
            return f'"{self.chance.choice(IDS_SAID)}"'
        if named.name == "_Any":
            node_id = self.chance.choice(IDS_SAID)
            return f'{{__typename: "{node_id.partition(":")[0].capitalize()}", id: "{node_id}"}}'
        if named.name == "Int":
            return str(self.chance.choice([1, 1, 2, 3, 5, *([0, -1, 1000, 2000] if self.careless else [])]))
        if named.name == "DateTime":
            return '"2026-01-01T00:00:00Z"'
        said = {"namespace": ["n", "n", "default"], "name": ["t", "x", "j", "M1", "P1"], "dataset": ["t"], "after": ["x"]}
        return f'"{self.chance.choice(said.get(name, ["t", "one", ""]))}"'


@pytest.mark.parametrize("block", range(3))
async def test_no_query_finds_a_fault(block: int) -> None:
    world = await rich()
    world.schema = LineageSchema(Limits(aliases=2_000, depth=60, fields=5_000, tokens=20_000))
    world.costs = Costs(max_turns=9)
    codes: set[str] = set()
    answered = 0
    for seed in range(block * 30, block * 30 + 30):
        query = Asker(seed).query()
        data, errors = await world.result(query)
        found = {error["extensions"]["code"] for error in errors}
        assert "INTERNAL" not in found, query
        assert data is not None or errors
        answered += data is not None and any(value is not None for value in data.values())
        codes |= found
    assert answered >= 10
    assert codes
