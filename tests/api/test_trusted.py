"""Trusted documents as the service is set to take them."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.settings import BadSetting, Settings
from api.trusted import MOST_BYTES
from schema.http.documents import id_of
from tests.api.followers import opened
from tests.api.process import PATIENCE, get, headwater, post, started
from tests.api.service import service

TYPENAME = "{ __typename }"


def file(folder: Path, **documents: str) -> str:
    path = folder / "persisted-documents.json"
    path.write_text(json.dumps(documents))
    return str(path)


async def test_what_is_observed_is_counted_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with service(documents="observe", documents_file=file(tmp_path, known=TYPENAME)) as client:
        for query in (TYPENAME, "{ a: __typename }", "{ a: __typename }", "{ b: __typename }"):
            assert (await client.post("/graphql", json={"query": query})).status_code == 200
        assert (await client.get("/graphql", params={"documentId": "known"})).json() == {"data": {"__typename": "Query"}}
        assert "headwater_graphql_untrusted_documents_total 3.0" in (await client.get("/metrics")).text
    assert [record.getMessage() for record in caplog.records].count("graphql.untrusted") == 2
    assert "__typename" not in caplog.text


async def test_enforced_only_the_file_runs(tmp_path: Path) -> None:
    async with service(documents="enforce", documents_file=file(tmp_path, known=TYPENAME)) as client:
        assert (await client.post("/graphql", json={"query": TYPENAME})).status_code == 200
        refused = await client.post("/graphql", json={"query": "{ a: __typename }"})
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
        assert "headwater_graphql_untrusted_documents_total 1.0" in (await client.get("/metrics")).text


async def test_the_codes_of_the_draft_are_a_setting() -> None:
    async with service(status_codes="draft-2026") as client:
        assert (await client.post("/graphql", json={"query": "{ nope }"})).status_code == 422


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ({"orders": "{ nope }"}, "document 'orders' cannot be run: Cannot query field 'nope'"),
        ({"fine": TYPENAME, "orders": "{ nope nopes }"}, r"document 'orders' cannot be run: .*\(and 1 more\)"),
        ({"broken": "{"}, "document 'broken' cannot be run: Syntax Error"),
        ({"bare": "fragment F on Dataset { id }"}, "document 'bare' cannot be run: .*F"),
        ({"sha256:" + 64 * "0": TYPENAME}, "this is not the SHA-256 of its text"),
    ],
)
def test_a_document_that_cannot_be_run_stops_the_start(tmp_path: Path, documents: dict[str, str], words: str) -> None:
    settings = Settings(backend="memory://", documents_file=file(tmp_path, **documents))
    with pytest.raises(BadSetting, match=words):
        create_app(settings)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"HEADWATER_DOCUMENTS_FILE .*absent.json\) cannot be read: No such file"):
        create_app(Settings(backend="memory://", documents_file=str(tmp_path / "absent.json")))
    large = tmp_path / "large.json"
    with large.open("wb") as made:
        made.truncate(MOST_BYTES + 1)
    with pytest.raises(BadSetting, match="has more than"):
        create_app(Settings(backend="memory://", documents_file=str(large)))


def test_settings_that_say_half_are_refused() -> None:
    for name, text, words in (
        ("HEADWATER_DOCUMENTS", "enforce", "needs HEADWATER_DOCUMENTS_FILE"),
        ("HEADWATER_DOCUMENTS", "on", "takes off, observe or enforce"),
        ("HEADWATER_STATUS_CODES", "2026", "takes audit or draft-2026"),
    ):
        with pytest.raises(BadSetting, match=words):
            Settings.from_environment({name: text})


def test_the_command_line_says_so_in_one_line_and_serves_the_right_one(tmp_path: Path) -> None:
    variables = {"HEADWATER_BACKEND": "memory://", "HEADWATER_DOCUMENTS": "enforce"}
    wrong = variables | {"HEADWATER_DOCUMENTS_FILE": file(tmp_path, orders="{ nope }")}
    for command in ("serve", "check"):
        done = headwater(command, *(["--port", "0"] if command == "serve" else []), cwd=tmp_path, variables=wrong)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "document 'orders' cannot be run" in done.stderr
    file(tmp_path, orders=TYPENAME)
    with started(tmp_path, **wrong):
        pass


def test_enforced_no_way_in_runs_anything_else(tmp_path: Path) -> None:
    """By POST and GET, as events and over a socket."""
    follow = 'subscription Follow { lineageChanged(of: ["dataset:default#a"]) { epoch } }'
    capture = 'mutation { captureOperation(input: { name: "j", inputs: ["a"], outputs: ["b"] }) { epoch } }'
    variables = {"HEADWATER_DOCUMENTS": "enforce", "HEADWATER_DOCUMENTS_FILE": file(tmp_path, follow=follow, say=capture)}

    def codes(answer: Any) -> list[str]:
        return [error["extensions"]["code"] for error in answer.get("errors", ())]

    with started(tmp_path, "--backend", "memory://", **variables) as service, opened(service.url) as socket:
        url = f"{service.url}/graphql"
        other = follow.replace("Follow", "Other")
        events = {"accept": "text/event-stream"}

        def event(**said: str) -> Any:
            with httpx.stream("POST", url, json=said, headers=events, timeout=PATIENCE) as answer:
                line = next(line for line in answer.iter_lines() if line.startswith("data:"))
            return json.loads(line.removeprefix("data:"))

        numbers = count()

        def message(**said: str) -> Any:
            name = str(next(numbers))
            socket.send(json.dumps({"id": name, "type": "subscribe", "payload": said}))
            told = json.loads(socket.recv(PATIENCE))
            assert told["id"] == name
            socket.send(json.dumps({"id": name, "type": "complete"}))
            return {"errors": told["payload"]} if told["type"] == "error" else told["payload"]

        assert "errors" not in post(url, json={"documentId": "say"}).json()
        for ask in (event, message):
            for said in ({"documentId": "follow"}, {"query": follow}):
                assert list(ask(**said)["data"]) == ["lineageChanged"]
            for said in ({"query": other}, {"query": other, "documentId": id_of(other)}, {"query": TYPENAME}):
                assert codes(ask(**said)) == ["FORBIDDEN"], ask
        assert codes(post(url, json={"query": TYPENAME}).json()) == ["FORBIDDEN"]
        assert codes(get(url, params={"query": TYPENAME}).json()) == ["FORBIDDEN"]
