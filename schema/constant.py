"""What is asked of the schema alone: the answer is the same for as long as the service runs."""

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
    get_operation_ast,
)


def is_constant(document: DocumentNode, name: str | None) -> bool:
    """Whether an operation of a validated document has only fields of introspection at its root: `__typename`, `__schema`,
    `__type`."""
    operation = get_operation_ast(document, name)
    if operation is None:
        return False
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    spread: set[str] = set()

    def only_meta(selections: SelectionSetNode) -> bool:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                if not node.name.value.startswith("__"):
                    return False
                continue
            if isinstance(node, FragmentSpreadNode):
                if node.name.value in spread:
                    continue
                spread.add(node.name.value)
                below = fragments[node.name.value].selection_set
            else:
                assert isinstance(node, InlineFragmentNode)
                below = node.selection_set
            if not only_meta(below):
                return False
        return True

    return only_meta(operation.selection_set)
