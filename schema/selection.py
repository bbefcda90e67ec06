"""What a document selects, read with the variables in hand: the only place that walks its text.

Aliases do not matter here: what is shown depends on a field and its arguments, so that is what a field is known by
(`FieldKey`), to the planner as to the resolver that fetches the value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLSkipDirective,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_directive_values,
)
from graphql.execution.values import VariableValues, get_argument_values
from strawberry import UNSET

FieldKey: TypeAlias = tuple[Any, ...]


def field_key(name: str, args: Mapping[str, Any]) -> FieldKey:
    """What a field with these arguments is known by; arguments left out and null ones are the same."""
    return (name, *sorted((key, _frozen(value)) for key, value in args.items() if value is not None and value is not UNSET))


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return value.name if isinstance(value, Enum) else value


@dataclass(frozen=True, slots=True)
class Document:
    """One operation as it is executed."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues

    @classmethod
    def of(cls, info: GraphQLResolveInfo[Any]) -> "Document":
        """The document that a resolver runs in."""
        given = cast(Any, info.variable_values)
        coerced = getattr(given, "coerced", given)
        return cls(info.schema, info.operation, cast(Any, info.fragments), VariableValues({}, coerced))

    def selects(self, name: str) -> bool:
        """Whether a field of that name is anywhere in the operation or its fragments."""
        left = [self.operation.selection_set, *(each.selection_set for each in self.fragments.values())]
        while left:
            for node in left.pop().selections:
                if isinstance(node, FieldNode) and node.name.value == name:
                    return True
                if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
                    left.append(node.selection_set)
        return False

    def includes(self, node: FieldNode | FragmentSpreadNode | InlineFragmentNode) -> bool:
        """Whether @skip and @include leave it in."""
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return not (skip and skip["if"]) and (include is None or bool(include["if"]))

    def applies(self, condition: str | None, type_name: str) -> bool:
        """Whether a fragment on `condition` holds for an object of that type."""
        if condition is None or condition == type_name:
            return True
        wide, narrow = self.schema.get_type(condition), self.schema.get_type(type_name)
        return (
            isinstance(wide, GraphQLInterfaceType | GraphQLUnionType)
            and isinstance(narrow, GraphQLObjectType | GraphQLInterfaceType)
            and self.schema.is_sub_type(wide, narrow)
        )


@dataclass(frozen=True, slots=True)
class Field:
    """A field selected with these arguments, and everything that any of its uses selects below."""

    name: str
    args: Mapping[str, Any]
    below: "Selection"
    key: FieldKey


@dataclass(slots=True, eq=False)
class Selection:
    """What is selected below one or several uses of a field."""

    document: Document
    sets: list[SelectionSetNode] = field(default_factory=list)
    _by_type: dict[str, list[Field]] = field(default_factory=dict)
    memo: dict[object, object] = field(default_factory=dict, repr=False, compare=False)
    """For whoever computes something from this selection and wants it kept."""

    @classmethod
    def root(cls, document: Document) -> "Selection":
        return cls(document, [document.operation.selection_set])

    @classmethod
    def union(cls, selections: Sequence["Selection"]) -> "Selection":
        """All that any of these selects; they are of one document."""
        if len(selections) == 1:
            return selections[0]
        sets = {id(each): each for selection in selections for each in selection.sets}
        return cls(selections[0].document, list(sets.values()))

    def fields(self, type_name: str) -> list[Field]:
        """The fields selected on objects of that type, each field with its arguments once."""
        found = self._by_type.get(type_name)
        if found is None:
            found = self._by_type[type_name] = self._collect(type_name)
        return found

    def field(self, type_name: str, name: str) -> "Selection | None":
        """All that is selected below the uses of one field; None where it is not selected."""
        below = [each.below for each in self.fields(type_name) if each.name == name]
        return Selection.union(below) if below else None

    def names(self, type_name: str) -> set[str]:
        """The names of the fields selected on objects of that type."""
        return {each.name for each in self.fields(type_name)}

    @property
    def is_flat(self) -> bool:
        """Whether nothing is selected below any of its fields, whatever the type."""
        left, spread = list(self.sets), set[str]()
        while left:
            for node in left.pop().selections:
                if isinstance(node, FragmentSpreadNode):
                    name = node.name.value
                    left += [self.document.fragments[name].selection_set] if name not in spread else []
                    spread.add(name)
                elif isinstance(node, InlineFragmentNode):
                    left.append(node.selection_set)
                elif isinstance(node, FieldNode) and node.selection_set is not None:
                    return False
        return True

    def grouped(self, type_name: str) -> dict[str, list[FieldNode]]:
        """The nodes selected on objects of that type by the key they have in the answer, in its order."""
        groups: dict[str, list[FieldNode]] = {}
        for node in self._nodes(self.sets, type_name, set()):
            groups.setdefault((node.alias or node.name).value, []).append(node)
        return groups

    def _collect(self, type_name: str) -> list[Field]:
        uses: dict[FieldKey, Field] = {}
        for node in self._nodes(self.sets, type_name, set()):
            name, args = node.name.value, self._arguments(type_name, node)
            key = field_key(name, args)
            use = uses.get(key)
            if use is None:
                use = uses[key] = Field(name, args, Selection(self.document), key)
            if node.selection_set is not None:
                use.below.sets.append(node.selection_set)
        return list(uses.values())

    def _nodes(self, sets: Iterable[SelectionSetNode], type_name: str, spread: set[str]) -> Iterable[FieldNode]:
        document = self.document
        for selections in sets:
            for node in selections.selections:
                if not document.includes(cast(Any, node)):
                    continue
                if isinstance(node, FieldNode):
                    yield node
                elif isinstance(node, InlineFragmentNode):
                    condition = node.type_condition.name.value if node.type_condition else None
                    if document.applies(condition, type_name):
                        yield from self._nodes([node.selection_set], type_name, spread)
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                    fragment = document.fragments[node.name.value]
                    if document.applies(fragment.type_condition.name.value, type_name):
                        spread.add(node.name.value)
                        yield from self._nodes([fragment.selection_set], type_name, spread)

    def _arguments(self, type_name: str, node: FieldNode) -> Mapping[str, Any]:
        parent = self.document.schema.get_type(type_name)
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        definition = parent.fields.get(node.name.value)  # __typename has none
        return get_argument_values(definition, node, self.document.variables) if definition and definition.args else {}
