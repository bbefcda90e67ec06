"""The service as a subgraph: composed with another by Apollo's own code, and asked through Apollo's gateway."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.api.process import get, started

SHOP = "duckdb:///srv/shop/shop.duckdb"
FEATURES = {"namespace": "file", "name": "/srv/shop/features/order_features"}
REVENUE = {"namespace": SHOP, "name": "shop.marts.daily_revenue"}
SCORED = {"id": "prediction:shop#return_risk/2/O00720"}
LISTS: dict[str, list[dict[str, str]]] = {
    "datasets": [FEATURES, {"namespace": "no", "name": "such"}, REVENUE],
    "operations": [{"namespace": "shop", "name": "score_return_risk"}, {"namespace": "shop", "name": "export_marts"}],
    "models": [{"namespace": "shop", "name": "return_risk"}],
    "predictions": [SCORED, {"id": "job:shop#of_another_kind"}, {"id": "prediction:no#such"}],
}
"""What the other subgraph lists, by the keys it has."""
QUERIES = {
    "from ours": f"""{{
        dataset(namespace: "{SHOP}", name: "{REVENUE["name"]}") {{
            steward label upstream(depth: 2) {{ nodes {{ name ... on Dataset {{ steward }} }} }} }}
        prediction(namespace: "shop", name: "return_risk/2/O00720") {{ reviewed model {{ version card }} }} }}""",
    "from theirs": """{
        datasets { steward type description lastSeen }
        models { card id version predictions(first: 1) { totalCount pageInfo { hasNextPage } } pages { hasNextPage } } }""",
    "one is wrong": "{ predictions { reviewed value predictedAt } operations { runbook type } }",
}


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """The data of an answer without errors."""
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


def test_it_composes_with_another_subgraph_and_a_gateway_asks_both(node: Callable[..., str], tmp_path: Path) -> None:
    asked = tmp_path / "asked.json"
    asked.write_text(json.dumps({"lists": LISTS, "queries": QUERIES}))
    with started(tmp_path, HEADWATER_DEMO="1", HEADWATER_TOKEN="t0ken") as service:
        composed = json.loads(node("federation.js", service.url, "t0ken", str(asked)))
        metrics = get(f"{service.url}/metrics", headers={"Authorization": "Bearer t0ken"}).text
    assert composed["errors"] == []
    assert composed["hints"] == []
    assert '@join__type(graph: LINEAGE, key: "namespace name")' in composed["supergraph"]
    answers = composed["answers"]

    data = told(answers["from ours"])
    assert data["dataset"]["steward"] == f"steward of {REVENUE['name']}"
    assert data["dataset"]["label"] == "team:finance", "what the other @requires of ours"
    nodes = data["dataset"]["upstream"]["nodes"]
    assert len(nodes) > 3
    assert all(each["steward"] == f"steward of {each['name']}" for each in nodes)
    assert data["prediction"] == {"reviewed": True, "model": {"version": "2", "card": "card of return_risk"}}

    data = told(answers["from theirs"])
    features, nowhere, revenue = data["datasets"]
    assert features["lastSeen"]
    assert revenue["lastSeen"]
    assert nowhere["steward"] == "steward of such"
    assert nowhere["lastSeen"] is None, "what we do not know is null, without an error"
    assert data["models"][0]["id"] == "model:shop#return_risk#2", "without a version the latest"
    assert data["models"][0]["predictions"] == {"totalCount": 10, "pageInfo": {"hasNextPage": True}}

    wrong = answers["one is wrong"]
    errors = sorted((error["path"], error["extensions"]["code"]) for error in wrong["errors"])
    assert errors == [(["operations", 1], "BAD_INPUT"), (["predictions", 1], "BAD_INPUT")]
    assert [each["value"] for each in wrong["data"]["predictions"]] == [0.1541, None, None]
    assert [each["runbook"] for each in wrong["data"]["operations"]] == [
        "runbook of score_return_risk",
        "runbook of export_marts",
    ]

    left = dict(re.findall(r'graphql_fallbacks_total{reason="(\w+)"} (\S+)', metrics))
    assert float(left.pop("error")) == 2, "the two answers with an error"
    assert left
    assert not any(map(float, left.values())), left
