"""From an operation to code that builds its answer from the values of the root fields.

For each object type and what is selected of it there is one function from a value to a dict. The source holds names of the
schema, response keys (quoted) and numbers; whatever else it needs it finds under made-up names in its globals.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    get_argument_values,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.values import VariableValues
from strawberry.schema.config import StrawberryConfig

from schema.columns import Columns
from schema.execute.leaves import Leaf, Odd, instance, leaf, sequence
from schema.execute.reading import Reading, Reason, Unsupported, check_directives, class_of, foreign_directives, reading
from schema.selection import Document, Selection

Build: TypeAlias = Callable[[Any, "Arguments"], Any]
Group: TypeAlias = Sequence[FieldNode]
"""The nodes that ask for one field of an answer."""

MAX_FIELDS = 5_000
"""Fields of all functions of one plan, past which it is not compiled further."""
_TYPENAME = "__typename"


def _nothing(value: Any, arguments: "Arguments") -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Root:
    """A field the operation begins with. `field` None is __typename."""

    key: str
    nodes: list[FieldNode]
    field: GraphQLField | None
    build: Build


class Schema:
    """What is known of a schema once for all plans."""

    def __init__(self, core: GraphQLSchema, config: StrawberryConfig, scalars: Any) -> None:
        self.core = core
        self.foreign = foreign_directives(core)
        self._config, self._scalars = config, scalars
        self._readings: dict[tuple[str, str], Reading] = {}
        self._classes: dict[str, dict[type, GraphQLObjectType]] = {}
        self._leaves: dict[str, Leaf] = {}

    def reading(self, kind: GraphQLObjectType, name: str) -> Reading:
        """How a field is read. Raises `Unsupported`."""
        found = self._readings.get((kind.name, name))
        if found is None:
            found = self._readings[kind.name, name] = reading(kind.fields[name], self._config, self._scalars)
            if not found.attribute.isidentifier() or iskeyword(found.attribute):
                raise Unsupported(Reason.RESOLVER)
        return found

    def leaf(self, kind: GraphQLLeafType) -> Leaf:
        """How values of a scalar or an enum are answered."""
        found = self._leaves.get(kind.name)
        if found is None:
            found = self._leaves[kind.name] = leaf(kind)
        return found

    def classes(self, kind: GraphQLAbstractType) -> dict[type, GraphQLObjectType]:
        """The possible types of an abstract one by their classes. Raises `Unsupported`."""
        found = self._classes.get(kind.name)
        if found is None:
            possible = self.core.get_possible_types(kind)
            found = {class_of(each): each for each in possible}
            if len(found) < len(possible):
                raise Unsupported(Reason.TYPE)
            self._classes[kind.name] = found
        return found


class Arguments(dict[int, dict[str, Any]]):
    """The arguments of the fields of one execution, by the numbers the plan gave them. Made when first asked for."""

    def __init__(self, plan: "Plan", variables: VariableValues) -> None:
        super().__init__()
        self._plan, self._variables = plan, variables

    def __missing__(self, number: int) -> dict[str, Any]:
        field, node, convert = self._plan.called[number]
        made = self[number] = convert(get_argument_values(field, node, self._variables))
        return made


class _ByClass(dict[type, Build]):
    """Builds objects of an abstract type, by their class. Each type is compiled when it is first met."""

    def __init__(self, plan: "Plan", kind: GraphQLAbstractType, nodes: Group) -> None:
        super().__init__()
        self._plan, self._nodes = plan, nodes
        self._classes = plan.schema.classes(kind)

    def __missing__(self, of: type) -> Build:
        kind = self._classes.get(of)
        if kind is None:
            raise Odd
        made = self[of] = self._plan.compile(kind, self._nodes)
        return made


class _Rows:
    """Builds the objects of `Columns`. Compiled when the first are met: most lists are none."""

    def __init__(self, plan: "Plan", kind: GraphQLObjectType, nodes: Group) -> None:
        self._plan, self._kind, self._nodes = plan, kind, nodes
        self._build: Build | None = None

    def __call__(self, value: Columns[Any], arguments: Arguments) -> Any:
        build = self._build = self._build or self._plan.compile(self._kind, self._nodes, rows=True)
        return build(value, arguments)


class Plan:
    """An operation with @skip and @include decided. `size` counts its fields; it grows as types are met. One of these may be
    not taken: then the plan is of no more use, and `refused` says why."""

    def __init__(self, schema: Schema, document: Document) -> None:
        self.schema, self._document = schema, document
        self.called: list[tuple[GraphQLField, FieldNode, Callable[[dict[str, Any]], dict[str, Any]]]] = []
        self.size = 0
        self.refused: Reason | None = None
        self._globals: dict[str, Any] = {"Columns": Columns, "Odd": Odd, "instance": instance, "sequence": sequence}
        self._names: dict[object, str] = {}
        self._functions: dict[tuple[str, tuple[int, ...]], str] = {}
        self._sources: list[str] = []
        kind = schema.core.get_root_type(document.operation.operation)
        assert kind is not None
        self.kind = kind
        self.roots = [self._root(key, nodes) for key, nodes in Selection.root(document).grouped(kind.name).items()]

    def compile(self, kind: GraphQLObjectType, nodes: Group, *, rows: bool = False) -> Build:
        """The function for objects of a type, or for `Columns` of it. Raises `Unsupported`."""
        try:
            return self._made(self._rows(kind, nodes) if rows else self._function(kind, nodes))
        except Unsupported as refused:
            self.refused = refused.reason
            raise

    def _root(self, key: str, nodes: list[FieldNode]) -> Root:
        name = nodes[0].name.value
        if name == _TYPENAME:
            return Root(key, nodes, None, _nothing)
        if name.startswith("__"):
            raise Unsupported(Reason.INTROSPECTION)
        field = self.kind.fields[name]
        function = self._fresh("f")
        self._sources.append(f"def {function}(x, a):\n return {self._value(field.type, nodes, 'x', 0)}\n")
        return Root(key, nodes, field, self._made(function))

    def _made(self, function: str) -> Build:
        source = "".join(self._sources)
        self._sources.clear()
        if source:
            exec(compile(source, "<plan>", "exec"), self._globals)
        build: Build = self._globals[function]
        return build

    def _fresh(self, letter: str, value: Any = None) -> str:
        name = f"{letter}{len(self._globals)}"
        self._globals[name] = value
        return name

    def _named(self, letter: str, key: object, value: Any) -> str:
        """The name under which the source finds something."""
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._fresh(letter, value)
        return name

    def _function(self, kind: GraphQLObjectType, nodes: Group) -> str:
        # one field shown by several types has the same nodes: what is below it is compiled once
        key = (kind.name, tuple(map(id, nodes)))
        name = self._functions.get(key)
        if name is not None:
            return name
        name = self._functions[key] = self._fresh("f")
        groups = self._shown(kind, nodes)
        of = class_of(kind)
        cls = self._named("c", of, of)
        lines = [f"def {name}(v, a):", f" if type(v) is not {cls}: instance(v, {cls})"]
        shown = []
        for number, (response, group) in enumerate(groups.items()):
            field_name, x = group[0].name.value, f"x{number}"
            if field_name == _TYPENAME:
                shown.append(f"{response!r}: {kind.name!r}")
                continue
            lines.append(f" {x} = {self._read(kind, field_name, group[0])}")
            shown.append(f"{response!r}: {self._value(kind.fields[field_name].type, group, x, 0)}")
        self._sources.append("\n".join([*lines, f" return {{{', '.join(shown)}}}", ""]))
        return name

    def _shown(self, kind: GraphQLObjectType, nodes: Group) -> dict[str, list[FieldNode]]:
        """What is selected of objects of a type, by response key. Raises `Unsupported` where it is too much."""
        below = [node.selection_set for node in nodes if node.selection_set is not None]
        groups = Selection(self._document, below).grouped(kind.name)
        self.size += len(groups)
        if self.size > MAX_FIELDS:
            raise Unsupported(Reason.SIZE)
        return groups

    def _rows(self, kind: GraphQLObjectType, nodes: Group) -> str:
        """The function from `Columns` of a type to dicts: by row of the columns alone where no method is to be asked."""
        groups = self._shown(kind, nodes)
        names = {group[0].name.value for group in groups.values()} - {_TYPENAME}
        readings = {name: self.schema.reading(kind, name) for name in names}
        if not readings or any(read.method is not None for read in readings.values()):
            each, function = self._function(kind, nodes), self._fresh("t")
            self._sources.append(f"def {function}(v, a):\n return [{each}(y, a) for y in v]\n")
            return function
        columns = {name: f"x{number}" for number, name in enumerate(readings)}
        shown = ", ".join(
            f"{response!r}: {kind.name!r}"
            if (name := group[0].name.value) == _TYPENAME
            else f"{response!r}: {self._value(kind.fields[name].type, group, columns[name], 0)}"
            for response, group in groups.items()
        )
        of = class_of(kind)
        cls, function = self._named("c", of, of), self._fresh("t")
        given = ", ".join(f"v.columns[{read.attribute!r}]" for read in readings.values())
        self._sources.append(
            f"def {function}(v, a):\n"
            f" if v.of is not {cls}: raise Odd\n"
            f" return [{{{shown}}} for {', '.join(columns.values())}, in zip({given}, strict=True)]\n"
        )
        return function

    def _read(self, kind: GraphQLObjectType, name: str, node: FieldNode) -> str:
        read = self.schema.reading(kind, name)
        if read.method is None:
            return f"v.{read.attribute}"
        method = self._named("m", read.method, read.method)
        if read.convert is None:
            return f"{method}(v)"
        self.called.append((kind.fields[name], node, read.convert))
        return f"{method}(v, **a[{len(self.called) - 1}])"

    def _value(self, kind: GraphQLOutputType, nodes: Group, x: str, depth: int) -> str:
        """The expression for what is answered of `x`."""
        if is_non_null_type(kind):
            return self._present(kind.of_type, nodes, x, depth)
        return f"None if {x} is None else {self._present(kind, nodes, x, depth)}"

    def _present(self, kind: Any, nodes: Group, x: str, depth: int) -> str:
        """The same where null is none of the answers."""
        if is_list_type(kind):
            y = f"y{depth}"
            each = self._value(kind.of_type, nodes, y, depth + 1)
            listed = f"[{each} for {y} in ({x} if type({x}) is list else sequence({x}))]"
            one = kind.of_type.of_type if is_non_null_type(kind.of_type) else None
            if not is_object_type(one):
                return listed
            return f"({self._fresh('r', _Rows(self, one, nodes))}({x}, a) if type({x}) is Columns else {listed})"
        if is_leaf_type(kind):
            known = self.schema.leaf(kind)
            asked = f"{self._named('l', kind.name, known.asked)}({x})"
            if known.test is None:
                return asked
            cls = self._named("c", known.cls, known.cls)
            return f"({known.told.format(x=x)} if {known.test.format(x=x, cls=cls)} else {asked})"
        if is_abstract_type(kind):
            key = (kind.name, tuple(map(id, nodes)))
            if key not in self._names:
                self._named("d", key, _ByClass(self, kind, nodes))
            return f"{self._names[key]}[type({x})]({x}, a)"
        return f"{self._function(kind, nodes)}({x}, a)"


class Plans:
    """Plans of operations, the last used kept: at most `limit` fields, counting sixteen characters of a text as one."""

    def __init__(self, schema: Schema, limit: int = 50_000) -> None:
        self._schema, self._limit = schema, limit
        self._kept: OrderedDict[tuple[Any, ...], Plan | Reason] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def plan(self, text: str, parsed: DocumentNode, document: Document) -> Plan | Reason:
        """The plan of an operation of a text, or why there is none. It depends on the Boolean variables, for these may
        decide a @skip or @include; on all of them, which are few."""
        operation, given = document.operation, document.variables.coerced
        switches = {
            name: given[name]
            for each in operation.variable_definitions or ()
            if isinstance(given.get(name := each.variable.name.value), bool)
        }
        key = (text, operation.name.value if operation.name else None, *switches.items())
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found.refused or found if isinstance(found, Plan) else found
        try:
            check_directives(parsed, self._schema.foreign)
            made: Plan | Reason = Plan(
                self._schema,
                Document(document.schema, operation, document.fragments, VariableValues({}, switches)),
            )
        except Unsupported as refused:
            made = refused.reason
        self._kept[key] = made
        size = sum(map(_size, self._kept.items()))
        while size > self._limit and len(self._kept) > 1:
            size -= _size(self._kept.popitem(last=False))
        return made


def _size(entry: tuple[tuple[Any, ...], Plan | Reason]) -> int:
    key, plan = entry
    return len(key[0]) // 16 + (plan.size if isinstance(plan, Plan) else 1) + 1
