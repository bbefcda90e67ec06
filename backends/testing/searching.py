"""Search: what a person types finds what it should, best match first."""

from backends.base import LineageBackend
from backends.changes import Changes, NodeChange, NodeFilter, Order, Page
from backends.ids import Kind, make_id
from backends.model import Stamped
from backends.testing.graphs import AT, dataset, described
from backends.testing.reading import listed

SEARCHED = {
    "orders": dataset("sales.public.orders", "postgres://prod:5432"),
    "orders2": dataset("orders", "bq"),
    "archive": dataset("sales.public.orders_archive", "postgres://prod:5432"),
    "customers": dataset("mart.customer_orders", "dbt"),
    "path": dataset("s3/warehouse/orders", "lake"),
    "model": make_id(Kind.MODEL, "ml", "order churn", "3"),
    "tagged": dataset("facts", "dbt"),
    "street": dataset("Stra\u00dfe_2024", "geo"),
    "istanbul": dataset("\u0130stanbul", "geo"),
    "duck": dataset("\U0001f986", "odd"),
    "symbols": dataset("%#", "odd"),
    "job": make_id(Kind.JOB, "airflow", "load_orders.daily"),
    "column": make_id(Kind.COLUMN, "bq", "orders", "order_id"),
    "operation": make_id(Kind.OPERATION, "airflow", "load_orders.daily", "0123456789abcdef"),
}
SEARCHES = {
    "orders": ["orders2", "path", "orders", "archive", "job", "operation", "customers", "tagged"],
    "ORDERS": ["orders2", "path", "orders", "archive", "job", "operation", "customers", "tagged"],
    "orders archive": ["archive"],
    "arch": ["archive"],
    "ord cust": ["customers"],
    "customer_orders": ["customers"],
    "sales.public.orders": ["orders", "archive"],
    "sales public": ["orders", "archive"],
    "prod": ["orders", "archive"],
    "prod orders": ["orders", "archive"],
    "airflow": ["job", "operation"],
    "urgent": ["tagged"],
    "ana@shop": ["tagged"],
    "ana shop": ["tagged"],
    "order_id": ["column", "tagged"],
    "churn": ["model"],
    "order c": ["model", "customers"],
    "revenue by day": ["tagged"],
    "strasse": ["street"],
    "STRASSE 20": ["street"],
    "Stra\u00dfe_2024": ["street"],
    "\u0130stanbul": ["istanbul"],
    "2024": ["street"],
    "024": [],
    "\U0001f986": ["duck"],
    "%#": ["symbols"],
    "%": [],
    "*": [],
    '"': [],
    "orders AND archive": [],
    "zz*": [],
    "arch*": ["archive"],
    "' OR 1=1 --": [],
    "dataset:bq#orders": ["orders2"],
    " Dataset:BQ#Orders ": ["orders2"],
    "nothing of the kind": [],
}
"""What a person types -> what is found, best first."""


class SearchContract:
    """`find_nodes` with text."""

    async def test_withdrawn_attributes_are_not_found(self, backend: LineageBackend) -> None:
        node_id = dataset("a")
        await backend.apply(Changes(AT, nodes=(described(node_id, tags=["x"], description="about tea"),)))
        assert await listed(backend, NodeFilter(text="tea", tags=frozenset({"x"}))) == [node_id]
        gone = {"tags": Stamped(2, None), "description": Stamped(2, "about coffee")}
        await backend.apply(Changes(AT, nodes=(NodeChange(node_id, gone),)))
        assert await listed(backend, NodeFilter(tags=frozenset({"x"}))) == []
        assert await listed(backend, NodeFilter(text="tea")) == []
        assert await listed(backend, NodeFilter(text="coffee")) == [node_id]

    async def test_what_other_names_say_is_found(self, backend: LineageBackend) -> None:
        a, b = dataset("a"), dataset("b")
        said = described(b, tags=["x"], description="tea")
        await backend.apply(Changes(AT, nodes=(NodeChange(a), said)))
        for alias, wanted in ((a, a), ("", b)):
            await backend.apply(Changes(AT, nodes=(NodeChange(b, alias_of=alias),)))
            assert await listed(backend, NodeFilter(text="tea"), Order.RELEVANCE) == [wanted]
            assert await listed(backend, NodeFilter(tags=frozenset({"x"}))) == [wanted]

    async def test_search_finds_what_a_person_types_best_first(self, backend: LineageBackend) -> None:
        await backend.apply(Changes(AT, nodes=tuple(map(NodeChange, SEARCHED.values()))))
        tagged = described(
            SEARCHED["tagged"],
            tags=["Urgent"],
            owners=["ana@shop.example"],
            columns=["order_id", "orders"],
            description="Revenue by day and \u00fcber alles",
            type="never searched: kiwi",
        )
        await backend.apply(Changes(AT, nodes=(tagged,)))
        names = {node_id: name for name, node_id in SEARCHED.items()}
        for text, wanted in SEARCHES.items():
            for size in (1, 3, 100):
                found = await listed(backend, NodeFilter(text=text), Order.RELEVANCE, size)
                assert [names[node_id] for node_id in found] == wanted, text
            assert await listed(backend, NodeFilter(text=text), Order.ID) == sorted(SEARCHED[name] for name in wanted)
            page = await backend.find_nodes(NodeFilter(text=text), Order.RELEVANCE, Page(1, total=True))
            assert page.total == len(wanted), text

    async def test_better_matches_come_before_shorter_names(self, backend: LineageBackend) -> None:
        """One for each rank, the better the longer; the two of rank 1 match by their whole name and by its last part."""
        names = (
            "long.path.of.which.the.very.last.part.is.tea",
            "shelf/teapots_and_more_of_them_all_day",
            "teapots.of.the.longest.name.there.is.here",
            "my_very_long_tea",
            "green_teapot",
            "x",
        )
        await backend.apply(
            Changes(AT, nodes=(*(NodeChange(dataset(n)) for n in names), described(dataset("x"), tags=["tea"])))
        )
        for size in (1, 2, 100):
            found = await listed(backend, NodeFilter(text="tea"), Order.RELEVANCE, size)
            assert found == [dataset(name) for name in names]

    async def test_attributes_that_are_not_searched(self, backend: LineageBackend) -> None:
        await backend.apply(Changes(AT, nodes=(described(dataset("a"), type="kiwi", **{"facet:x": {"k": "kiwi"}}),)))
        assert await listed(backend, NodeFilter(text="kiwi"), Order.RELEVANCE) == []

    async def test_search_goes_on_right_while_others_write(self, backend: LineageBackend) -> None:
        steady = [dataset("tea"), dataset("teapot"), dataset("green_tea"), dataset("tea_room_2"), dataset("a.tea.b")]
        await backend.apply(Changes(AT, nodes=tuple(map(NodeChange, steady))))
        whole = await listed(backend, NodeFilter(text="tea"), Order.RELEVANCE)
        assert sorted(whole) == sorted(steady)
        beside = [Changes(AT, nodes=(NodeChange(dataset("tea", f"n{n}")),)) for n in range(4)]
        seen = await listed(backend, NodeFilter(text="tea"), Order.RELEVANCE, 1, beside)
        assert [node_id for node_id in seen if node_id in steady] == whole
        assert len(set(seen)) == len(seen)
