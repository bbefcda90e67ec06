"""What is sent to make a service fail, tell of itself or run out of something: each is refused with a code, in bounded time
and memory, and the service goes on. The checks of graphql-cop are among these."""

import json
import logging
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from graphql import get_introspection_query

from api.logs import JsonFormatter
from tests.api.followers import opened as follower
from tests.api.process import PATIENCE, Service, get, post, ready, started

LONGEST: Final = 30.0
"""Seconds that any of these may take at the very most; they take some hundredths."""
MOST_MEMORY: Final = 300 << 20
"""Bytes by which a service may grow under all of them together; it grows by some 30 MB."""
JSON = {"Content-Type": "application/json"}
GRAPHQL = {"Accept": "application/graphql-response+json"}
TRACES = ("Traceback", 'File "', ".py", "graphql.error", "Exception", "sys.set_int")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(tmp_path_factory.mktemp("attacks"), "--backend", "memory://") as running:
        yield running


def sent(service: Service, content: bytes | str | dict[str, Any], **headers: str) -> httpx.Response:
    """The answer to a body, which came in time."""
    body = json.dumps(content) if isinstance(content, dict) else content
    began = time.monotonic()
    given = post(f"{service.url}/graphql", content=body, headers=JSON | GRAPHQL | headers)
    assert time.monotonic() - began < LONGEST
    return given


def codes(given: httpx.Response) -> set[str]:
    """The codes of the errors of an answer, all of which have one and tell nothing of our insides."""
    errors = given.json()["errors"]
    assert errors
    assert len(errors) <= 20
    for error in errors:
        assert not any(trace in error["message"] for trace in TRACES), error
        assert set(error) <= {"message", "locations", "path", "extensions"}
    return {error["extensions"]["code"] for error in errors}


def memory(service: Service) -> int:
    """The bytes that the process holds."""
    status = Path(f"/proc/{service.process.pid}/status")
    if not status.exists():
        pytest.skip("no /proc on this machine")
    return 1024 * int(next(line for line in status.read_text().splitlines() if line.startswith("VmRSS")).split()[1])


def asks(query: str, operation: str | None = None, /, **variables: Any) -> dict[str, Any]:
    return {"query": query, "variables": variables} | ({"operationName": operation} if operation else {})


DEEP = "query ($i: [ID!]!) { nodes(ids: $i) { id } }"
SAID = """mutation ($i: JSON) { trackModelTraining(input: { model: { name: "m" }, datasets: ["d"], hyperparameters: $i }) {
    epoch errors { code } } }"""


def nested(query: str, opening: str, closing: str, levels: int, inner: str = "") -> str:
    """A body whose variable is that deep; Python's own encoder would not write it."""
    return f'{{"query": {json.dumps(query)}, "variables": {{"i": {opening * levels}{inner}{closing * levels}}}}}'


CIRCULAR = "{ __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }"
FLOODS: dict[str, tuple[Any, str]] = {
    "aliases": (asks("{ " + " ".join(f"a{n}: __typename" for n in range(101)) + " }"), "TOO_COSTLY"),
    "a field again and again": (asks("{ " + "__typename " * 500 + "}"), "TOO_COSTLY"),
    "a field again and again, deeper": (asks('{ node(id: "x") { ' + "id " * 1_500 + "} }"), "TOO_COSTLY"),
    "directives": (asks("{ __typename " + "@aa" * 500 + " }"), "TOO_COSTLY"),
    "directives that are known": (asks("{ __typename " + "@skip(if: false) " * 200 + " }"), "TOO_COSTLY"),
    "introspection in circles": (asks(CIRCULAR), "BAD_INPUT"),
    "introspection side by side": (
        asks("{ " + " ".join(f"a{n}: __schema {{ types {{ name }} }}" for n in range(20)) + " }"),
        "TOO_COSTLY",
    ),
    "fragments in circles": (
        asks("{ ...A } fragment A on Query { __typename ...B } fragment B on Query { ...A }"),
        "BAD_INPUT",
    ),
    "fragments in circles, with fields between": (
        asks(
            '{ node(id: "x") { ...A } } fragment A on Entity { upstream { nodes { ...A } } downstream { nodes { ...A } } }'
        ),
        "BAD_INPUT",
    ),
    "a fragment in itself": (asks("{ ...A } fragment A on Query { ...A ...A }"), "BAD_INPUT"),
    "a tree of fragments": (
        asks(
            "{ ...F0 } "
            + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(40))
            + " fragment F40 on Query { __typename }"
        ),
        "TOO_COSTLY",
    ),
    "levels": (
        asks('{ node(id: "x") ' + "{ ... on Entity { upstream { nodes " * 20 + "{ id }" + "} } }" * 20 + " }"),
        "TOO_COSTLY",
    ),
    "brackets": (asks("{ a" * 5_000 + "}" * 5_000), "TOO_LARGE"),
    "brackets, fewer": (asks("{ a" * 600 + "}" * 600), "BAD_INPUT"),
    "lists in lists": (asks("{ nodes(ids: " + "[" * 900 + "]" * 900 + ") { id } }"), "BAD_INPUT"),
    "hops": (
        asks(
            "query ($i: [ID!]!) { nodes(ids: $i) { ... on Entity { upstream(first: 10) { nodes { upstream(first: 10) { "
            "nodes { id } } } } } } }",
            i=["x"] * 100,
        ),
        "TOO_COSTLY",
    ),
    "operations without a name said": (asks(" ".join(f"query q{n} {{ __typename }}" for n in range(390))), "BAD_INPUT"),
    "a long document": (asks("{ __typename } # " + "x" * 100_000), "TOO_LARGE"),
    "variables that are declared": (
        asks("query (" + " ".join(f"$v{n}: Int" for n in range(600)) + ") { __typename }"),
        "TOO_LARGE",
    ),
    "a long name": (asks("{ " + "q" * 60_000 + " }"), "BAD_INPUT"),
    "errors": (asks('{ node(id: "x") { ' + " ".join(f"n{n}" for n in range(990)) + " } }"), "BAD_INPUT"),
    "errors in fragments": (
        asks("{ __typename } " + " ".join(f"fragment f{n} on Query {{ __typename }}" for n in range(240))),
        "BAD_INPUT",
    ),
    "conflicts": (asks("{ " + " ".join(f'node(id: "{n}") {{ id }}' for n in range(19)) + " }"), "BAD_INPUT"),
    "ids": (asks(DEEP, i=[f"dataset:n#{n}" for n in range(40_000)]), "BAD_INPUT"),
    "ids that are dear": (
        asks("query ($i: [ID!]!) { nodes(ids: $i) { ... on Entity { upstream { nodes { id } } } } }", i=["x"] * 9_000),
        "TOO_COSTLY",
    ),
    "wrong values of a variable": (asks(DEEP, i=[None] * 100_000), "BAD_INPUT"),
    "a long value": (asks("query ($i: ID!) { node(id: $i) { id } }", i="x" * 1_000_000), "BAD_INPUT"),
    "more than may be sent": (asks("{ __typename }", x="y" * (2 << 20)), "TOO_LARGE"),
    "a deep list in a variable": (nested(DEEP, "[", "]", 900), "BAD_INPUT"),
    "a deeper list in a variable": (nested(DEEP, "[", "]", 1_000), "BAD_INPUT"),
    "a list of a depth that no parser takes": (nested(DEEP, "[", "]", 200_000), "BAD_INPUT"),
    "deep JSON": (nested(SAID, "[", "]", 500), "BAD_INPUT"),
    "deeper JSON": (nested(SAID, "[", "]", 1_000), "BAD_INPUT"),
    "deep objects": (nested(SAID, '{"a": ', "}", 900, "1"), "BAD_INPUT"),
    "deep objects in the text": (
        asks(SAID.replace("($i: JSON)", "").replace("$i", "{a: " * 150 + "1" + "}" * 150)),
        "BAD_INPUT",
    ),
    "a number without end": (asks('{ search(text: "x", first: ' + "9" * 5_000 + ") { totalCount } }"), "BAD_INPUT"),
    "a number without end in JSON": (asks(SAID.replace("($i: JSON)", "").replace("$i", "9" * 5_000)), "BAD_INPUT"),
    "a number without end in a variable": (
        f'{{"query": "query ($i: Int) {{ search(first: $i) {{ totalCount }} }}", "variables": {{"i": {"9" * 100_000}}}}}',
        "BAD_INPUT",
    ),
    "no number": ('{"query": "{ __typename }", "variables": {"x": NaN}}', "BAD_INPUT"),
    "null where a condition is": (
        {"query": 'query ($w: Boolean = true) { node(id: "x") @skip(if: $w) { id } }', "variables": {"w": None}},
        "BAD_INPUT",
    ),
    "half a character": ('{"query": "query ($i: ID!) { node(id: $i) { id } }", "variables": {"i": "\\ud800"}}', "BAD_INPUT"),
    "a batch": (json.dumps([{"query": "{ __typename }"}] * 10), "BAD_INPUT"),
    "an empty batch": ("[]", "BAD_INPUT"),
    "no query": ({"query": None}, "BAD_INPUT"),
    "a query of another kind": ({"query": {"a": 1}}, "BAD_INPUT"),
    "no JSON": ("{ __typename }", "BAD_INPUT"),
    "nothing": ("", "BAD_INPUT"),
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_is_refused_with_a_code(service: Service, what: str) -> None:
    content, code = FLOODS[what]
    given = sent(service, content)
    assert codes(given) == {code}
    assert given.status_code in (200, 400, 413)
    assert (given.status_code == 200) == (given.json().get("data") is not None)


def test_they_take_no_memory_and_the_service_goes_on(service: Service) -> None:
    before = memory(service)
    for _ in range(3):
        for content, _code in FLOODS.values():
            sent(service, content)
    assert memory(service) - before < MOST_MEMORY
    assert sent(service, asks("{ __typename }")).json() == {"data": {"__typename": "Query"}}
    assert ready(service.url)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Service]:
    """A service whose clients have spent nothing yet, and get nothing back."""
    with started(tmp_path, "--backend", "memory://", HEADWATER_CLIENT_COST_PER_SECOND="1") as running:
        yield running


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Service]:
    """A service that does not wait long for what a client says; longer than one that is to be heard may stall."""
    with started(tmp_path, "--backend", "memory://", HEADWATER_BODY_SECONDS="4") as running:
        yield running


def test_documents_that_are_all_new_are_paid_for(other: Service) -> None:
    before = memory(other)
    for number in range(100):
        given = sent(other, asks(f"{{ a{number}: __typename }} # " + "x" * 20_000))
        if given.status_code != 200:
            break
    assert 40 < number < 60
    assert (given.status_code, codes(given)) == (429, {"THROTTLED"})
    assert int(given.headers["retry-after"]) > 1
    assert memory(other) - before < MOST_MEMORY


def test_only_json_is_taken_so_no_page_can_have_a_browser_send_it(other: Service) -> None:
    """What a page of another site makes a browser send without asking first: forms and plain text, and addresses."""
    url = f"{other.url}/graphql"
    change = 'mutation { captureOperation(input: { name: "j", inputs: ["a"], outputs: ["b"] }) { epoch } }'
    text = json.dumps({"query": change})
    given = [
        post(url, data={"query": change}),
        post(url, files={"query": change, "operations": text}),
        post(url, content=text, headers={"Content-Type": "text/plain"}),
        post(url, content=text, headers={"Content-Type": "application/graphql"}),
        post(url, content=text),
    ]
    assert [each.status_code for each in given] == [415] * 5
    refused = get(url, params={"query": change})
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    for each in (*given, refused):
        assert codes(each) == {"BAD_INPUT"}
    assert post(url, content=text, headers=JSON | {"Origin": "http://elsewhere.example"}).status_code == 403
    assert get(url, params={"query": '{ search(text: "j") { totalCount } }'}).json()["data"]["search"]["totalCount"] == 0


def test_nothing_is_told_but_the_answer(other: Service) -> None:
    asked = {"X-Apollo-Tracing": "1", "apollo-federation-include-trace": "ftv1", "X-Debug": "1"}
    given = sent(other, asks("{ __typename }"), **asked)
    assert given.json() == {"data": {"__typename": "Query"}}
    assert not {"server", "x-powered-by"} & set(given.headers)


def test_the_schema_is_no_secret_from_those_who_may_ask_and_is_from_others(other: Service, tmp_path: Path) -> None:
    """So names that are nearly right are told: they say nothing that introspection does not."""
    given = sent(other, asks("{ nod { id } }"))
    assert "Did you mean 'node'" in given.json()["errors"][0]["message"]
    assert "data" in sent(other, asks(get_introspection_query())).json()
    with_key = tmp_path / "key"
    with_key.mkdir()
    with started(with_key, "--backend", "memory://", HEADWATER_TOKEN="secret") as closed:
        for query in ("{ nod { id } }", get_introspection_query()):
            given = sent(closed, asks(query))
            assert (given.status_code, codes(given)) == (401, {"UNAUTHENTICATED"})


SHORT = {what: content for what, (content, _) in FLOODS.items() if len(json.dumps(content)) <= 1_500}


def test_little_is_written_of_what_is_short(other: Service) -> None:
    assert len(SHORT) > 12
    many = " ".join(f"n{n}" for n in range(310))
    assert 1_300 < len(many) < 1_500
    asked: dict[str, Any] = {
        **SHORT,
        "unknown fields": asks(f"{{ {many} }}"),
        "unknown deeper": asks(f'{{ node(id: "x") {{ {many} }} }}'),
    }
    asked["unknown ids"] = asks(
        "{ " + " ".join(f'a{n}: lineage(of: ["nothing{n}"]) {{ answer {{ complete }} }}' for n in range(18)) + " }"
    )
    for what, content in asked.items():
        before = len(other.log)
        assert "errors" in sent(other, content).json()
        sent(other, "{}")  # whose line comes after all of the first
        assert len(other.log) - before < 2_000 + 200, what
    assert other.log.count("http.request") > len(asked)


def opened(service: Service) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def test_bodies_that_never_come_to_an_end_are_not_waited_for(hasty: Service) -> None:
    before = memory(hasty)
    head = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    connections = []
    for _ in range(100):
        connections.append(opened(hasty))
        connections[-1].sendall(head + b'{"query": "{ __typename }", "x": "')
    for connection in connections[::2]:
        connection.sendall(b"y")
    assert sent(hasty, asks("{ __typename }")).status_code == 200
    for connection in connections:
        with connection:
            answer = b""
            while part := connection.recv(65_536):
                answer += part
            assert answer.startswith(b"HTTP/1.1 408")
            assert b'"TIMEOUT"' in answer
    assert memory(hasty) - before < MOST_MEMORY
    assert sent(hasty, asks("{ __typename }")).status_code == 200


HEAD: Final = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def rest(connection: socket.socket) -> bytes:
    """What comes until the connection is closed, in order or not."""
    answer = b""
    with connection, suppress(ConnectionError):
        while part := connection.recv(65_536):
            answer += part
    return answer


def test_heads_that_never_come_to_an_end_are_not_waited_for(hasty: Service) -> None:
    lasting = follower(hasty.url)  # a socket that is opened before them, and lasts
    again = opened(hasty)
    again.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    first = again.recv(65_536)
    again.sendall(HEAD)  # the second request of a connection
    connections = [opened(hasty) for _ in range(100)]
    for connection in connections[::2]:  # the others say nothing at all
        connection.sendall(HEAD[:30])
    for connection in connections[::4]:
        connection.sendall(HEAD[30:])
    assert sent(hasty, asks("{ __typename }")).status_code == 200
    assert [rest(connection) for connection in connections] == [b""] * 100
    assert (first + rest(again)).count(b"HTTP/1.1 200") == 1
    lasting.send(json.dumps({"type": "ping"}))
    assert json.loads(lasting.recv(PATIENCE)) == {"type": "pong"}
    lasting.close()
    assert sent(hasty, asks("{ __typename }")).status_code == 200


def test_headers_without_end_are_refused_before_they_take_memory(other: Service) -> None:
    before = memory(other)
    many, long = b"X-Much: " + b"x" * 1_000 + b"\r\n", b"x" * 1_000
    trailing = HEAD.replace(b"graphql", b"nowhere") + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    for begun, line in ((HEAD, many), (HEAD + b"X-Long: ", long), (trailing, many)):
        connection = opened(other)
        connection.sendall(begun)
        with suppress(ConnectionError):  # it is closed while we send
            for _ in range(200):
                connection.sendall(line * 500)
            pytest.fail("a hundred megabytes were taken")
        connection.close()
    assert memory(other) - before < 50 << 20
    query = "{ __typename } # " + "x" * 60_000
    assert get(f"{other.url}/graphql", params={"query": query}).json() == {"data": {"__typename": "Query"}}


def test_of_a_fault_of_ours_the_end_is_written() -> None:
    def deep(levels: int) -> None:
        if not levels:
            raise ValueError("here it is")
        deep(levels - 1)
        deep(levels - 2)

    try:
        deep(100)
    except ValueError:
        record = logging.LogRecord("headwater", logging.ERROR, "", 0, "http.fault", None, sys.exc_info())
    line = JsonFormatter().format(record)
    assert len(line) < 1_700
    assert "here it is" in line
