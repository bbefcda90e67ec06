"""Subscriptions as the clients of others have them: graphql-ws, graphql-sse, and plain sockets."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.process import started

KEY = "a-key-of-this-test"


@pytest.fixture(scope="module")
def found(node: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    with started(tmp_path_factory.mktemp("service"), HEADWATER_TOKEN=KEY) as service:
        return json.loads(node("subscriptions.js", f"{service.url}/graphql", KEY))


@pytest.mark.parametrize("client", ["ws", "sse"])
def test_a_client_is_told_what_comes_and_goes_on_from_an_epoch(found: Any, client: str) -> None:
    said = found[client]
    assert said["query"] == {"results": [{"data": {"__typename": "Query"}}], "how": "complete"}
    first, second = (result["data"]["lineageChanged"] for result in said["live"]["results"])
    assert (first["nodesAdded"], first["edgesAdded"]) == ([], [])
    assert second["nodesAdded"] == [f"dataset:default#{client}"]
    (edge,) = second["edgesAdded"]
    assert (edge["source"], edge["target"]) == ("dataset:default#b", f"dataset:default#{client}")
    assert len(edge["via"]) == 1
    assert edge["evidence"]["runs"] >= 0
    (again,) = (result["data"]["lineageChanged"] for result in said["since"]["results"])
    assert again == second


def test_what_cannot_be_run_is_an_error_of_each_client(found: Any) -> None:
    assert found["ws"]["invalid"] == {"results": [], "how": "BAD_INPUT"}
    assert found["ws"]["unknown"] == {"results": [], "how": "NOT_FOUND"}
    for case, code in (("invalid", "BAD_INPUT"), ("unknown", "NOT_FOUND")):
        (result,) = found["sse"][case]["results"]
        assert result["errors"][0]["extensions"]["code"] == code
        assert found["sse"][case]["how"] == "complete"


def test_sockets_are_closed_with_the_codes_of_the_protocol(found: Any) -> None:
    assert found["codes"] == {
        "invalid": 4400,
        "early": 4401,
        "keyless": 4403,
        "wrong": 4403,
        "unnamed": 4406,
        "legacy": 1006,  # by the client, as the older protocol is not taken
        "twice": 4409,
        "again": 4429,
    }
    assert found["stranger"] == {"results": [], "how": "closed 4403"}
    assert found["foreign"] == 403
