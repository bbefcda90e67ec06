"""The prices of what people ask: one that changes is to be seen, and none is more than one may ask for."""

import json

from api.settings import Settings
from tests.schema.cost.golden import TABLE, documented, price_of


def test_what_is_shown_costs_what_it_cost() -> None:
    rows = json.loads(TABLE.read_text())
    assert len(rows) >= 20
    for row in rows:
        assert price_of("\n".join(row["query"]), row["variables"]) == row["cost"], row["query"]


def test_what_is_shown_may_be_asked() -> None:
    """With a quarter of what is allowed: nobody who tries what the documents say is to think of prices."""
    costs = {query: price_of(query, variables) for query, variables in documented()}
    assert {query: cost for query, cost in costs.items() if 4 * cost > Settings().max_cost} == {}
