"""What an operation costs: a function of its variables, made once from what it selects and from `@cost` and `@listSize`.

An object costs its weight, once for each that the lists above it may hold; scalars and enums cost nothing. Of an interface
the dearest type counts. Fields are merged as in the answer, so a fragment or a field said twice is paid for once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from schema.cost.directives import SIZED_BY, Cost, ListSize, of_kind
from schema.selection import Document, Selection

Amount: TypeAlias = int | str
"""A number, or the name it has in the function that is made."""
Price: TypeAlias = Callable[[Mapping[str, Any]], int]
"""From the coerced variables of an operation to what it costs."""

REQUEST: Final = 1
"""What a request costs beside what it selects."""
MOST: Final = 10**12
"""More is told as this."""
INTROSPECTION: Final[Mapping[str, int]] = {"__schema": 10_000, "__type": 500}
"""What is told of the schema itself, whatever is selected of it: graphql-core does that, and slowly. Its own rule bounds
how deep it goes."""


class Rule(NamedTuple):
    """What the schema says of a field. `sized`: the lists below that its size is of; none: its own."""

    weight: int
    assumed: int | None = None
    slicing: tuple[str, ...] = ()
    sized: tuple[str, ...] = ()
    by: str | None = None


class Prices:
    """What the schema says, read when first asked for, and the prices made of it: those of `most` lines at most, some 30 MB,
    and what was made longest ago goes first."""

    def __init__(self, core: GraphQLSchema, *, most: int = 100_000) -> None:
        self.core = core
        self.kept: dict[tuple[Any, ...], Price] = {}
        self._rules: dict[tuple[str, str], Rule] = {}
        self._sizes: dict[tuple[Any, ...], int] = {}
        self._most, self.lines = most, 0

    def rule(self, kind: GraphQLObjectType | GraphQLInterfaceType, name: str) -> Rule:
        """What is said of a field of a type."""
        found = self._rules.get((kind.name, name))
        if found is None:
            found = self._rules[kind.name, name] = _rule(kind.fields[name])
        return found

    def keep(self, key: tuple[Any, ...], document: Document) -> Price:
        """Makes the price of an operation whose @skip and @include are decided, to be found in `kept` by a key."""
        made, lines = self._made(document)
        self.kept[key], self._sizes[key] = made, lines
        self.lines += lines
        while self.lines > self._most and len(self.kept) > 1:
            oldest = next(iter(self.kept))
            del self.kept[oldest]
            self.lines -= self._sizes.pop(oldest)
        return made

    def _made(self, document: Document) -> tuple[Price, int]:
        making = _Making(self, document, None)
        amount = making.operation()
        if isinstance(amount, int):
            constant = min(amount, MOST)
            return lambda variables: constant, 5
        body = "".join(f" {line}\n" for line in making.lines)
        names: dict[str, Any] = {"count": count, "within": within, "MOST": MOST}
        exec(compile(f"def price(v):\n{body} return min({amount}, MOST)\n", "<price>", "exec"), names)
        made: Price = names["price"]
        return made, 5 + len(making.lines)

    def dearest(self, document: Document, variables: Mapping[str, Any]) -> str:
        """The place in a document where most of its price with these variables is, as names of fields with dots."""
        making = _Making(self, document, variables)
        making.operation()
        return ".".join(making.dearest())


def count(value: Any, default: int) -> int:
    """How many items an argument asks for: a number, or as many as a list has; null asks for the default."""
    if value is None:
        return default
    if isinstance(value, list):
        return len(value)
    return max(value, 0) if isinstance(value, int) else 1  # one value stands for a list of it


def within(value: Any, *names: str) -> Any:
    """What is under a name of an object, and so on; None where there is nothing."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _rule(field: GraphQLField) -> Rule:
    said = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    kind = get_named_type(field.type)
    weight, size, by = _weight_of(kind), None, None
    if isinstance(said, StrawberryField):
        cost = of_kind(said.directives, Cost)
        weight = weight if cost is None else cost.weight
        size, by = of_kind(said.directives, ListSize), said.metadata.get(SIZED_BY)
    if size is None:
        return Rule(weight, by=by)
    return Rule(weight, size.assumed_size or None, tuple(size.slicing_arguments or ()), tuple(size.sized_fields or ()), by)


def _weight_of(kind: Any) -> int:
    if not is_composite_type(kind):
        return 0
    said = kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    cost = of_kind(said.directives or (), Cost) if isinstance(said, StrawberryObjectDefinition) else None
    return 1 if cost is None else int(cost.weight)


class _Best(NamedTuple):
    """The dearest field of a selection: what it costs, what each of its items costs, and the key of what is below."""

    name: str
    amount: int
    each: int
    below: object


class _Making:
    """One price in the making. `lines` are those of the function so far; with `variables` all amounts are numbers."""

    def __init__(self, prices: Prices, document: Document, variables: Mapping[str, Any] | None) -> None:
        self._prices, self._document, self._variables = prices, document, variables
        self.lines: list[str] = []
        self._names: dict[str, str] = {}
        self._known: dict[object, Amount] = {}
        self._dearest: dict[object, _Best] = {}
        self._root: object = None

    def operation(self) -> Amount:
        """What the whole costs."""
        operation = self._document.operation
        kind = self._prices.core.get_root_type(operation.operation)
        assert kind is not None
        below, self._root = self._below(kind, [operation.selection_set], {})
        return self._sum([REQUEST, below])

    def dearest(self) -> list[str]:
        """The fields that lead to where most is paid: on while one field holds half of what is below."""
        path: list[str] = []
        key, whole = self._root, self._known[self._root]
        while (best := self._dearest.get(key)) is not None and isinstance(whole, int) and 2 * best.amount >= whole:
            path.append(best.name)
            key, whole = best.below, best.each
        return path

    def _below(self, kind: Any, sets: Sequence[SelectionSetNode], sized: Mapping[str, Amount]) -> tuple[Amount, object]:
        """What is selected of an object of a type, and a key under which that is known."""
        key = (kind.name, tuple(map(id, sets)), *sized.items())
        if key not in self._known:
            if isinstance(kind, GraphQLObjectType):
                self._known[key] = self._fields(kind, sets, sized, key)
            else:
                found = [self._below(each, sets, sized) for each in self._types(kind, sets)]
                self._known[key] = self._greatest([amount for amount, _ in found])
                known = [self._dearest[of] for _, of in found if of in self._dearest]
                if known:
                    self._dearest[key] = max(known, key=lambda best: best.amount)
        return self._known[key], key

    def _types(self, kind: GraphQLInterfaceType | GraphQLUnionType, sets: Sequence[SelectionSetNode]) -> list[Any]:
        """The types that differ here: those that a fragment names, and one of the others, of which the same is selected."""
        possible = self._prices.core.get_possible_types(kind)
        named = _conditions(sets, self._document.fragments)
        other = next((each for each in possible if each.name not in named), None)
        return [each for each in possible if each.name in named] + ([other] if other is not None else [])

    def _fields(
        self, kind: GraphQLObjectType, sets: Sequence[SelectionSetNode], sized: Mapping[str, Amount], key: object
    ) -> Amount:
        amounts: list[Amount] = []
        for nodes in Selection(self._document, list(sets)).grouped(kind.name).values():
            name = nodes[0].name.value
            if name.startswith("__"):
                amounts.append(INTROSPECTION.get(name, 0))
                continue
            times, each, below = self._field(kind, nodes, sized.get(name))
            amount = self._times(times, each)
            amounts.append(amount)
            if isinstance(amount, int) and isinstance(each, int):
                best = self._dearest.get(key)
                if best is None or amount > best.amount:
                    self._dearest[key] = _Best(name, amount, each, below)
        return self._sum(amounts)

    def _field(
        self, kind: GraphQLObjectType, nodes: Sequence[FieldNode], given: Amount | None
    ) -> tuple[Amount, Amount, object]:
        """How many items a field has, what each costs, and the key of what is selected of it. `given`: how long its list is,
        where a field above it says so."""
        field, rule = kind.fields[nodes[0].name.value], self._prices.rule(kind, nodes[0].name.value)
        if not rule.weight and not is_composite_type(get_named_type(field.type)):
            return 1, 0, None
        size = self._size(field, nodes[0], rule)
        below: Amount = 0
        of: object = None
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        if sets:
            lists = dict.fromkeys(rule.sized, size)
            below, of = self._below(get_named_type(field.type), sets, lists)
        each = self._sum([rule.weight, below])
        times: Amount = 1
        if given is not None:
            times = given
        elif not rule.sized and _is_list(field):
            times = size
        return times, each, of

    def _size(self, field: GraphQLField, node: FieldNode, rule: Rule) -> Amount:
        """How long the lists are that a field gives or sizes."""
        if rule.by is not None:
            return self._asked(field, node, rule.by)
        asked = [self._asked(field, node, name) for name in rule.slicing]
        return self._greatest(asked) if asked else (1 if rule.assumed is None else rule.assumed)

    def _asked(self, field: GraphQLField, node: FieldNode, path: str) -> Amount:
        """What an argument asks for. `path`: its name, and of an input object those of the fields that lead to it."""
        name, *inner = path.split(".")
        default = field.args[name].default_value
        least = default if isinstance(default, int) else 0
        value: ValueNode | None = next((each.value for each in node.arguments or () if each.name.value == name), None)
        while inner and isinstance(value, ObjectValueNode):
            step = inner.pop(0)
            value = next((each.value for each in value.fields if each.name.value == step), None)
        if value is None or isinstance(value, NullValueNode):
            return least
        if isinstance(value, VariableNode):
            return self._variable(value.name.value, inner, least)
        if isinstance(value, IntValueNode):
            return max(int(value.value), 0)
        return len(value.values) if isinstance(value, ListValueNode) else 1

    def _variable(self, name: str, inner: Sequence[str], default: int) -> Amount:
        if self._variables is not None:
            return count(within(self._variables, name, *inner), default)
        source = f"within(v, {', '.join(map(repr, (name, *inner)))})" if inner else f"v.get({name!r})"
        return self._named(f"count({source}, {default})")

    def _sum(self, amounts: Sequence[Amount]) -> Amount:
        constant = sum(each for each in amounts if isinstance(each, int))
        terms = [each for each in amounts if isinstance(each, str)]
        if not terms:
            return constant
        return self._named(" + ".join([*terms, *([str(constant)] if constant else [])]))

    def _times(self, size: Amount, amount: Amount) -> Amount:
        if isinstance(size, int) and isinstance(amount, int):
            return size * amount
        if size == 1 or amount == 0:
            return amount
        return self._named(f"{size} * {amount}")

    def _greatest(self, amounts: Sequence[Amount]) -> Amount:
        constants = [each for each in amounts if isinstance(each, int)]
        terms = list(dict.fromkeys(each for each in amounts if isinstance(each, str)))
        least = max(constants, default=0)
        if not terms:
            return least
        parts = [*terms, *([str(least)] if least else [])]
        return parts[0] if len(parts) == 1 else self._named(f"max({', '.join(parts)})")

    def _named(self, source: str) -> str:
        """The name under which the function has what a source says. What is said twice is computed once."""
        name = self._names.get(source)
        if name is None:
            name = self._names[source] = f"a{len(self._names)}"
            self.lines.append(f"{name} = {source}")
        return name


def _is_list(field: GraphQLField) -> bool:
    kind = field.type.of_type if is_non_null_type(field.type) else field.type
    return is_list_type(kind)


def _conditions(sets: Sequence[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]) -> set[str]:
    """The types that fragments of these selections name."""
    named: set[str] = set()
    spread: set[str] = set()
    left = list(sets)
    while left:
        for node in left.pop().selections:
            if isinstance(node, InlineFragmentNode):
                if node.type_condition is not None:
                    named.add(node.type_condition.name.value)
                left.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                fragment = fragments[node.name.value]
                named.add(fragment.type_condition.name.value)
                left.append(fragment.selection_set)
    return named
