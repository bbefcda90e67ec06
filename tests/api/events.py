"""Events for the tests of the shell: one good one, and ways to spoil it."""

from typing import Any

GOOD: dict[str, Any] = {
    "eventType": "COMPLETE",
    "eventTime": "2026-03-02T06:00:00.000Z",
    "run": {"runId": "0195560a-0000-7000-8000-000000000001"},
    "job": {"namespace": "shop", "name": "load_orders"},
    "inputs": [{"namespace": "file", "name": "/raw/orders.csv"}],
    "outputs": [{"namespace": "warehouse", "name": "raw.orders"}],
    "producer": "https://example.org/pipeline",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
}


def event(**changes: Any) -> dict[str, Any]:
    """`GOOD` with some keys replaced; None takes a key out."""
    return {key: value for key, value in (GOOD | changes).items() if value is not None}
