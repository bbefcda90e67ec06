"""The prices of one document's operations, kept with it."""

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.values import VariableValues

from schema.cost.prices import Price, Prices
from schema.selection import Document

MOST_CHOICES: Final = 32
"""Of what @skip and @include may decide, so many are kept for a document."""


class Priced:
    """What the operations of a document that was validated cost. A price belongs to an operation and to what its @skip and
    @include decide."""

    def __init__(self, prices: Prices, document: DocumentNode) -> None:
        self._prices, self._document = prices, document
        switches = _Switches()
        visit(document, switches)
        self._switches = tuple(sorted(switches.names))
        self._known: dict[tuple[Any, ...], Price] = {}

    def cost(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int:
        """The cost of one of its operations with these variables, which were coerced."""
        key = (id(operation), *[variables.get(name) for name in self._switches]) if self._switches else (id(operation),)
        price = self._known.get(key)
        if price is None:
            if len(self._known) >= MOST_CHOICES:
                self._known.clear()
            price = self._known[key] = self._prices.price(self._decided(operation, variables))
        return price(variables)

    def dearest(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> str:
        """Where most of that is: names of fields, with dots."""
        return self._prices.dearest(self._decided(operation, variables), variables)

    def _decided(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Document:
        fragments = {
            node.name.value: node for node in self._document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        # null, which a default lets through, is for the executor to refuse
        chosen = {name: variables.get(name) is True for name in self._switches}
        return Document(self._prices.core, operation, fragments, VariableValues({}, chosen))


class _Switches(Visitor):
    """The variables that decide a @skip or an @include."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.names.add(argument.value.name.value)
