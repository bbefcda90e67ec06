"""The schema as text: kept beside the code, holding every name of the target, saying of everything what it means."""

from pathlib import Path

from graphql import (
    DocumentNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    parse,
    print_ast,
)

from schema.sdl import printed
from tests.conftest import require

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "../shared/schema-target.graphql"
LATER = {"Subscription", "LineageDelta"}


def test_the_printed_schema_is_the_committed_one() -> None:
    """Renew it with: headwater schema > schema/schema.graphql, and look at what changed."""
    kept = (ROOT / "schema/schema.graphql").read_text()
    assert printed() == kept, "the schema changed: headwater schema > schema/schema.graphql"


def members(document: DocumentNode) -> dict[str, str]:
    """`Type.field` with its arguments and type, `Enum.VALUE`, as text."""
    found: dict[str, str] = {}
    for node in document.definitions:
        if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            for field in node.fields or ():
                found[f"{node.name.value}.{field.name.value}"] = print_ast(field.type)
                for argument in field.arguments or ():
                    default = f" = {print_ast(argument.default_value)}" if argument.default_value else ""
                    name = f"{node.name.value}.{field.name.value}({argument.name.value})"
                    found[name] = print_ast(argument.type) + default
        elif isinstance(node, EnumTypeDefinitionNode):
            found |= {f"{node.name.value}.{value.name.value}": "" for value in node.values or ()}
    return found


def test_it_holds_every_name_of_the_target_with_its_type() -> None:
    require("data", TARGET.exists(), "the target schema is not on this machine")
    wanted = members(parse(TARGET.read_text()))
    given = members(parse(printed()))
    wanted = {name: text for name, text in wanted.items() if name.split(".")[0] not in LATER}
    assert len(wanted) > 150
    assert {name: given.get(name) for name in wanted} == wanted


def test_everything_is_described() -> None:
    silent = []
    for node in parse(printed()).definitions:
        name = getattr(getattr(node, "name", None), "value", "schema")
        if name != "schema" and not getattr(node, "description", None):
            silent.append(name)
        fields = getattr(node, "fields", None) or getattr(node, "values", None) or ()
        for field in fields:
            if not field.description:
                silent.append(f"{name}.{field.name.value}")
            if isinstance(field, FieldDefinitionNode):
                silent += [
                    f"{name}.{field.name.value}({each.name.value})" for each in field.arguments or () if not each.description
                ]
        if isinstance(node, InputObjectTypeDefinitionNode):
            assert node.fields
    assert silent == []
