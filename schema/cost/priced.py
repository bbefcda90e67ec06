"""The prices of one document's operations, kept with it."""

from collections.abc import Mapping
from itertools import count
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

from schema.cost.prices import Prices
from schema.selection import Document

_NUMBERS: Final = count()


class Priced:
    """What the operations of a document that was validated cost. A price belongs to an operation and to what its @skip and
    @include decide."""

    def __init__(self, prices: Prices, document: DocumentNode) -> None:
        self._prices, self._document = prices, document
        switches = _Switches()
        visit(document, switches)
        self._switches = tuple(sorted(switches.names))
        self._number = next(_NUMBERS)
        self.length = document.loc.end if document.loc is not None else 0
        """The characters of its text."""
        self.made = 0
        """Prices that were made of it."""

    def cost(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int:
        """The cost of one of its operations with these variables, which were coerced."""
        key = (self._number, id(operation), *[variables.get(name) for name in self._switches])
        price = self._prices.kept.get(key)
        if price is None:
            price = self._prices.keep(key, self._decided(operation, variables))
            self.made += 1
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
