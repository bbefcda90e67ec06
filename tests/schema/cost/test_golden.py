"""The prices of what people ask: one that changes is to be seen, and none is more than one may ask for."""

import json
import re

from api.settings import Settings
from schema.cost.directives import EDGE, FLAT, LIST, SEARCH, WALK, WRITE
from schema.cost.prices import INTROSPECTION
from tests.schema.cost.golden import ROOT, TABLE, documented, price_of


def test_what_is_shown_costs_what_it_cost() -> None:
    rows = json.loads(TABLE.read_text())
    assert len(rows) >= 20
    for row in rows:
        assert price_of("\n".join(row["query"]), row["variables"]) == row["cost"], row["query"]


def test_what_is_shown_may_be_asked() -> None:
    """With a quarter of what is allowed: nobody who tries what the documents say is to think of prices."""
    costs = {query: price_of(query, variables) for query, variables in documented()}
    dear = {query: cost for query, cost in costs.items() if 4 * cost > Settings().max_cost}
    assert {query for query in dear if not query.startswith("# error: TOO_COSTLY")} == set()
    assert all(cost > Settings().max_cost for cost in dear.values())


def test_the_document_tells_the_weights() -> None:
    text = (ROOT / "docs" / "graphql.md").read_text()
    said = dict(re.findall(r"^\| (.+) \| ([\d, ]+) \|$", text[text.index("## What a query may cost") :], re.M))
    whole = [("`upstream`", WALK), ("`lineage`", FLAT), ("`search`", SEARCH), ("the `runs`", LIST), ("an edge", EDGE)]
    for begins, weight in [*whole, ("a mutation", WRITE)]:
        (row,) = [value for key, value in said.items() if key.startswith(begins)]
        assert row == str(weight), begins
    (row,) = [value for key, value in said.items() if key.startswith("`__schema`")]
    assert row == ", ".join(f"{weight:,}" for weight in INTROSPECTION.values())
