"""Writes prices.json anew: what each query that the documents show costs, and each that the benchmarks ask.

    python -m tests.schema.cost.golden

A change of a price is then a change that one can see; see test_golden.py.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from graphql import OperationDefinitionNode, parse
from graphql.execution.values import VariableValues, get_variable_values

from benchmarks.service import QUERIES
from schema.cost.priced import Priced
from schema.cost.prices import Prices
from schema.service import schema

ROOT: Final = Path(__file__).parents[3]
TABLE: Final = Path(__file__).with_name("prices.json")
SHOWN = re.compile(r"^```graphql\n(.*?)^```$", re.M | re.S)
CORE = schema()._schema


def price_of(query: str, variables: Mapping[str, Any]) -> int:
    """What the only operation of a text costs."""
    document = parse(query)
    (operation,) = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    coerced = get_variable_values(CORE, operation.variable_definitions or (), dict(variables))
    assert isinstance(coerced, VariableValues), coerced
    return Priced(Prices(CORE), document).cost(operation, coerced.coerced)


def documented() -> list[tuple[str, dict[str, Any]]]:
    """The queries of the documents and of the benchmarks, with variables."""
    texts = [(ROOT / "README.md").read_text(), *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))]
    shown: list[tuple[str, dict[str, Any]]] = [(query, {}) for text in texts for query in SHOWN.findall(text)]
    return shown + [(query, {"of": ["x"]} if "$of" in query else {}) for query in QUERIES.values()]


def main() -> None:
    rows = [{"cost": price_of(query, said), "variables": said, "query": query.split("\n")} for query, said in documented()]
    TABLE.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
