"""Documents by name as the tools of clients make and send them: Apollo Client, Relay's compiler."""

import json
import shutil
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from schema.http.documents import APOLLO
from schema.sdl import printed
from tests.api.process import post, started

HERE = Path(__file__).parent
FIRST = [{"text": False, "status": 400}, {"text": True, "status": 200}, {"text": False, "status": 200}]
DRAFT = [{**FIRST[0], "status": 422}, *FIRST[1:]]


@pytest.mark.parametrize(("statuses", "sent"), [("audit", FIRST), ("draft-2026", DRAFT)])
def test_apollo_client_sends_a_text_once_and_then_its_hash(
    node: Callable[..., str], tmp_path: Path, statuses: str, sent: list[dict[str, Any]]
) -> None:
    with started(tmp_path, "--backend", "memory://", HEADWATER_STATUS_CODES=statuses) as service:
        found = json.loads(node("apollo.js", f"{service.url}/graphql"))
    methods = {"post": ["POST", "POST", "POST"], "get": ["GET", "POST", "GET"]}
    for way, told in found.items():
        assert told["data"] == [{"search": {"totalCount": 0, way: 0, "__typename": "EntityConnection"}}] * 2
        assert told["sent"] == [{"method": method, **each} for method, each in zip(methods[way], sent, strict=True)]


def test_apollo_client_names_the_documents_of_its_manifest(node: Callable[..., str], tmp_path: Path) -> None:
    body = "query Asked($text: String!) {\n  search(text: $text, first: 1) {\n    totalCount\n    __typename\n  }\n}"
    manifest = tmp_path / "persisted-query-manifest.json"
    operation = {"id": "ours/1", "name": "Asked", "type": "query", "body": body}
    manifest.write_text(json.dumps({"format": APOLLO, "version": 1, "operations": [operation]}))
    variables = {"HEADWATER_DOCUMENTS": "enforce", "HEADWATER_DOCUMENTS_FILE": str(manifest)}
    with started(tmp_path, "--backend", "memory://", **variables) as service:
        found = json.loads(node("apollo.js", f"{service.url}/graphql", "ours/1"))
        unknown = json.loads(node("apollo.js", f"{service.url}/graphql", "ours/2"))
    for way, told in found.items():
        assert told["data"] == [{"search": {"totalCount": 0, "__typename": "EntityConnection"}}] * 2
        assert told["sent"] == [{"method": way.upper(), "text": False, "status": 200}] * 2
        assert unknown[way]["data"][0] == ["FORBIDDEN"], "and the client is told so"


def test_what_relay_persists_is_asked_by_its_ids(node: Callable[..., str], tmp_path: Path) -> None:
    documents, made, schema, queries = (tmp_path / name for name in ("src", "made", "schema.graphql", "queries.json"))
    shutil.copytree(HERE / "relay", documents)
    made.mkdir()
    schema.write_text(printed())
    queries.write_text("{}")
    config = {"language": "javascript", "src": documents, "artifactDirectory": made, "schema": schema}
    (tmp_path / "relay.config.json").write_text(
        json.dumps({**config, "persistConfig": {"file": str(queries), "algorithm": "MD5"}}, default=str)
    )
    node("node_modules/relay-compiler/cli.js", str(tmp_path / "relay.config.json"))
    (text,) = (text for text in json.loads(queries.read_text()).values() if text.startswith("query ExplorerFoundQuery"))
    variables = {"HEADWATER_DOCUMENTS": "enforce", "HEADWATER_DOCUMENTS_FILE": str(queries)}
    with started(tmp_path, "--backend", "memory://", **variables) as service:
        asked = {"documentId": md5(text.encode()).hexdigest(), "variables": {"text": "x"}}
        assert "errors" not in post(f"{service.url}/graphql", json=asked).json()
        assert post(f"{service.url}/graphql", json={"query": text + " "}).status_code == 403
