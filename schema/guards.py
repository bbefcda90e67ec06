"""What a document may be, before it is run: how long, how deep, how wide. What is cheap to say is cheap to refuse.

What a query may cost is another matter: `schema.cost` says it before, `schema.context.Costs` bounds what it comes to.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    IntValueNode,
    Lexer,
    OperationDefinitionNode,
    SelectionSetNode,
    Source,
    TokenKind,
    Visitor,
    get_operation_ast,
    get_variable_values,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.execution.values import VariableValues
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.cost.admission import READING, refused
from schema.cost.priced import Priced
from schema.cost.prices import REQUEST, Prices
from schema.errors import Code, present
from schema.execute.run import Refusal

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
"""Made once: graphql-core keeps what it learns of a rule's class, so a class made for each request costs ten times more."""
MAX_VALIDATION_ERRORS = 20
TOKEN = 700
"""Bytes that a token of a document takes, about, with its part of what is made of it."""
MAX_DIGITS = 400
"""Of a number in a document; that of the greatest Float has 309."""
_MANY_DIGITS = re.compile(rf"\d{{{MAX_DIGITS + 1}}}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may hold. Depth and fields count with the fragments spread out."""

    bytes: int = 64 * 1024
    tokens: int = 2_000
    depth: int = 30
    aliases: int = 30
    directives: int = 20
    root_fields: int = 20
    fields: int = 1_000
    repeats: int = 5_000
    """Pairs of fields that are one field of the answer, and of fragments at one place: validation compares each pair."""


@dataclass(frozen=True, slots=True)
class Size:
    """The measures of a selection."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    fields: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.directives + other.directives,
            self.fields + other.fields,
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that was read once: itself, or why it is refused."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...]
    priced: Priced | None = None
    """What its operations cost, where they may be run."""

    def refusal(self, context: Any) -> Refusal | None:
        """What says why one of its operations is not run in this context, and else has its price paid."""
        return partial(refused, self.priced, context) if self.priced is not None else None

    def kind_of(self, name: str | None) -> str | None:
        """query or mutation: the operation of that name, or the only one; None where it is not told which is meant."""
        operation = get_operation_ast(self.document, name) if self.document is not None else None
        return operation.operation.value if operation is not None else None


class Documents:
    """Documents read and checked, the last used kept. Bounded by number and by the bytes that they take, about."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, most: int = 512, most_bytes: int = 64 << 20) -> None:
        self._schema, self._limits, self._most, self._most_bytes = schema, limits, most, most_bytes
        self._kept: OrderedDict[str, tuple[Prepared, int]] = OrderedDict()
        self._bytes = 0
        self._prices = Prices(schema)

    def prepare(self, text: str) -> Prepared:
        """The document of a text, parsed and validated, from memory where it was met before."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found[0]
        made = self._read(text)
        if len(text) <= self._limits.bytes:
            size = len(text) + TOKEN * _tokens(made.document)
            self._kept[text] = (made, size)
            self._bytes += size
            while len(self._kept) > self._most or self._bytes > self._most_bytes:
                self._bytes -= self._kept.popitem(last=False)[1][1]
        return made

    def cost_of_reading(self, text: str) -> int:
        """What a request costs, whatever it selects: more where its text was not met before."""
        if text in self._kept:
            return REQUEST
        return REQUEST + READING + min(len(text), self._limits.bytes)

    def cost_of(self, text: str, variables: dict[str, Any] | None, name: str | None) -> int | None:
        """What an operation may cost; None where it cannot be run."""
        prepared = self.prepare(text)
        operation = get_operation_ast(prepared.document, name) if prepared.document is not None else None
        if prepared.priced is None or operation is None:
            return None
        coerced = get_variable_values(self._schema, operation.variable_definitions or (), variables or {})
        return prepared.priced.cost(operation, coerced.coerced) if isinstance(coerced, VariableValues) else None

    def _read(self, text: str) -> Prepared:
        limits = self._limits
        size = len(text.encode(errors="replace"))
        if size > limits.bytes:
            return _refused(Code.TOO_LARGE, f"the document has {size:,} bytes, {limits.bytes:,} are allowed")
        try:
            document = parse(text, max_tokens=limits.tokens)
        except GraphQLSyntaxError as error:
            if _has_more_tokens(text, limits.tokens):
                return _refused(Code.TOO_LARGE, f"the document has more than {limits.tokens:,} tokens")
            return Prepared(None, (error.with_traceback(None),))  # which would hold on to all that was read
        if _MANY_DIGITS.search(text):
            visit(document, numbers := _Numbers())
            if numbers.error is not None:
                return Prepared(document, (numbers.error,))
        too_much = check_size(document, limits)
        if too_much is not None:
            return Prepared(document, (too_much,))
        errors = tuple(validate(self._schema, document, RULES, max_errors=MAX_VALIDATION_ERRORS - 1))
        return Prepared(document, errors, None if errors else Priced(self._prices, document))


def _refused(code: Code, message: str) -> Prepared:
    return Prepared(None, (GraphQLError(message, extensions={"code": code.value}),))


def _tokens(document: DocumentNode | None) -> int:
    token, count = document.loc.start_token if document is not None and document.loc is not None else None, 0
    while token is not None:
        token, count = token.next, count + 1
    return count


def _has_more_tokens(text: str, most: int) -> bool:
    lexer = Lexer(Source(text))
    try:
        return all(lexer.advance().kind is not TokenKind.EOF for _ in range(most + 1))
    except GraphQLSyntaxError:
        return False


class _Numbers(Visitor):
    """Finds a number that is too long to be one: Python refuses to read it, in words of its own."""

    error: GraphQLError | None = None

    def enter_int_value(self, node: IntValueNode, *_: Any) -> None:
        self._check(node)

    def enter_float_value(self, node: FloatValueNode, *_: Any) -> None:
        self._check(node)

    def _check(self, node: IntValueNode | FloatValueNode) -> None:
        if _MANY_DIGITS.search(node.value):
            words = f"a number has at most {MAX_DIGITS} digits"
            self.error = GraphQLError(words, node, extensions={"code": Code.BAD_INPUT.value})


def check_size(document: DocumentNode, limits: Limits) -> GraphQLError | None:
    """Why a document is too much to run; None where it is not."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    sizes: dict[str, Size] = {}
    for node in document.definitions:
        if not isinstance(node, OperationDefinitionNode):
            continue
        size = _size(node.selection_set, fragments, sizes, ()) + Size(directives=len(node.directives or ()))
        roots = sum(1 for _ in _fields(node.selection_set, fragments, set()))
        for what, count, most in (
            ("levels", size.depth, limits.depth),
            ("aliases", size.aliases, limits.aliases),
            ("directives", size.directives, limits.directives),
            ("root fields", roots, limits.root_fields),
            ("fields", size.fields, limits.fields),
        ):
            if count > most:
                words = f"the query has more than {most:,} {what}; ask in parts"
                return GraphQLError(words, node, extensions={"code": Code.TOO_COSTLY.value})
        if _repeats(node, fragments, limits) > limits.repeats:
            words = "the query asks for the same fields too often at one place; say each once"
            return GraphQLError(words, node, extensions={"code": Code.TOO_COSTLY.value})
    return None


def _repeats(operation: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode], limits: Limits) -> int:
    """How many pairs there are to compare, counted until there are too many: of the fields that are merged, once for each
    inline fragment around them, and of the fragments spread at one place."""
    total = met = 0
    left = [[operation.selection_set]]
    # There are no more fields than that, so who meets more goes round in a circle; validation tells that.
    while left and total <= limits.repeats and met <= limits.fields:
        groups: dict[str, list[SelectionSetNode | None]] = {}
        spread: dict[str, int] = {}
        deepest = 1
        within = [(each, 1) for each in left.pop()]
        while within:
            selections, depth = within.pop()
            deepest = max(deepest, depth)
            for node in selections.selections:
                if isinstance(node, FieldNode):
                    groups.setdefault((node.alias or node.name).value, []).append(node.selection_set)
                elif isinstance(node, InlineFragmentNode):
                    within.append((node.selection_set, depth + 1))
                elif isinstance(node, FragmentSpreadNode):
                    name = node.name.value
                    spread[name] = spread.get(name, 0) + 1
                    if spread[name] == 1 and name in fragments:
                        within.append((fragments[name].selection_set, depth))
        met += sum(map(len, groups.values()))
        pairs = sum(len(nodes) * (len(nodes) - 1) // 2 for nodes in groups.values())
        total += deepest * (pairs + len(spread) * (len(spread) - 1) // 2)
        for nodes in groups.values():
            if below := [each for each in nodes if each is not None]:
                left.append(below)
    return total


def _size(
    selections: SelectionSetNode,
    fragments: dict[str, FragmentDefinitionNode],
    sizes: dict[str, Size],
    within: tuple[str, ...],
) -> Size:
    """The measures with the fragments spread out, each measured once. A cycle ends here and is told by validation."""
    total = Size()
    for node in selections.selections:
        own = len(node.directives or ())
        if isinstance(node, FieldNode):
            below = _size(node.selection_set, fragments, sizes, within) if node.selection_set else Size()
            total += Size(below.depth + 1, below.aliases + bool(node.alias), below.directives + own, below.fields + 1)
        elif isinstance(node, InlineFragmentNode):
            total += _size(node.selection_set, fragments, sizes, within) + Size(directives=own)
        elif isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name in fragments and name not in within:
                if name not in sizes:
                    sizes[name] = _size(fragments[name].selection_set, fragments, sizes, (*within, name))
                total += sizes[name]
            total += Size(directives=own)
    return total


def _fields(
    selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], spread: set[str]
) -> Iterator[FieldNode]:
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from _fields(node.selection_set, fragments, spread)
        elif isinstance(node, FragmentSpreadNode) and node.name.value in fragments and node.name.value not in spread:
            spread.add(node.name.value)
            yield from _fields(fragments[node.name.value].selection_set, fragments, spread)


class Guard(SchemaExtension):
    """Around every operation that graphql-core runs: documents from memory or refused, and errors as the client may see
    them."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._errors: list[GraphQLError] = []

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        prepared = self._documents.prepare(context.query or "")
        if prepared.document is None:
            raise present(prepared.errors[0])
        context.graphql_document = prepared.document
        self._errors = list(prepared.errors)
        operations = [node for node in prepared.document.definitions if isinstance(node, OperationDefinitionNode)]
        if len(operations) > 1 and not context._provided_operation_name:
            words = "the document has several operations: say in operationName which to run"
            self._errors.append(GraphQLError(words, operations, extensions={"code": Code.BAD_INPUT.value}))
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = self._errors
        yield

    def on_operation(self) -> Iterator[None]:
        yield
        result = self.execution_context.result
        if result is not None and result.errors:
            result.errors = [present(error) for error in result.errors]
