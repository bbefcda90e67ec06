"""What dbt, Airflow, Spark, Flink and the Python client really sent (../shared/data/emitters): every event is taken, and
the tables are those of the projects."""

from pathlib import Path

import pytest

from backends.memory import MemoryBackend
from ingest.decode import decode
from ingest.parse import parse_event
from tests.ingest.support import graph, taken

EMITTERS = Path(__file__).parents[3] / "shared" / "data" / "emitters"
pytestmark = pytest.mark.skipif(not EMITTERS.exists(), reason="../shared/data is not beside this checkout")


async def emitted(tool: str) -> MemoryBackend:
    return await taken(decode(line) for line in (EMITTERS / f"{tool}.ndjson").read_bytes().splitlines())


def tables(backend: MemoryBackend) -> set[str]:
    return {node.rpartition("#")[2] for node in backend._topology()[0] if node.startswith("dataset:")}


def states(backend: MemoryBackend) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record_id, record in backend.records.items():
        if record_id.startswith("run:"):
            found.setdefault(record.value["job"].rpartition("#")[2], []).append(record.value["state"])
    return found


@pytest.mark.parametrize("tool", ["airflow", "dbt", "flink", "openlineage_python", "spark"])
def test_every_event_is_taken(tool: str) -> None:
    lines = (EMITTERS / f"{tool}.ndjson").read_bytes().splitlines()
    assert [parse_event(decode(line)).time for line in lines], "and none raised"


async def test_dbt_shows_its_models_and_no_table_expression() -> None:
    backend = await emitted("dbt")
    assert {"src", "lines", "orders", "customers"}.isdisjoint(tables(backend))
    assert {"shop.main.stg_orders", "shop.main.customer_value", "shop.main.order_totals"} <= tables(backend)
    pairs = {(a.rpartition("#")[2], x.rpartition("#")[2]) for a, x in graph(backend).pairs}
    assert ("shop.main.stg_orders", "shop.main.order_totals") in pairs


async def test_airflow_shows_no_table_expression_though_it_is_qualified() -> None:
    backend = await emitted("airflow")
    assert "shop.public.t" not in tables(backend)
    assert {"shop.public.customers", "shop.public.summary", "shop.public.vip"} <= tables(backend)


async def test_a_failed_spark_write_is_shown_as_failed() -> None:
    backend = await emitted("spark")
    failed = {job for job, found in states(backend).items() if "FAIL" in found}
    assert failed == {"shop_totals.execute_insert_into_hadoop_fs_relation_command.data_never_parquet"}
    errors = [r.value["error"] for r in backend.records.values() if r.value.get("state") == "FAIL"]
    assert all(errors), "Spark keeps them in a facet of its own"


async def test_flink_with_its_empty_namespace() -> None:
    assert graph(await emitted("flink")).pairs == {
        ("dataset:#default_catalog.default_database.orders", "dataset:#default_catalog.default_database.totals")
    }
