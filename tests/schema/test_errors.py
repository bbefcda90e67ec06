"""Each code, when it is given, and what is never told."""

import asyncio
import logging

import pytest
from graphql import GraphQLError

from backends.commands import CommandError
from backends.errors import BackendError, Conflict, Misconfigured, Rejected, TimedOut, Unavailable, Unsupported
from backends.memory import MemoryBackend
from backends.model import Subgraph, Traversal
from schema.context import Costs
from schema.errors import Code, explain, present
from tests.schema.world import World

SECRET = "SELECT * FROM nodes AT 10.0.0.5:7687"


class Failing(MemoryBackend):
    """A store whose traversals fail."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    async def traverse(self, traversal: Traversal) -> Subgraph:
        raise self.error


LINEAGE = '{ lineage(of: ["dataset:n#a"]) { answer { total } } }'


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unavailable(SECRET), "UNAVAILABLE"),
        (TimedOut(SECRET), "TIMEOUT"),
        (Conflict(SECRET), "CONFLICT"),
        (Unsupported(SECRET), "UNSUPPORTED"),
        (Misconfigured(SECRET), "INTERNAL"),
        (BackendError(SECRET), "INTERNAL"),
        (KeyError(SECRET), "INTERNAL"),
        (RecursionError(SECRET), "INTERNAL"),
        (MemoryError(SECRET), "INTERNAL"),
    ],
)
async def test_what_a_store_raises_has_a_code_and_none_of_its_text(
    error: Exception, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = await World(Failing(error)).lines("a *1 b")
    data, (told,) = await world.result(LINEAGE)
    assert data == {"lineage": None}
    assert told["path"] == ["lineage"]
    assert told["extensions"]["code"] == code
    assert SECRET not in str(told)
    logged = [each for each in caplog.records if each.levelno >= logging.ERROR]
    if code == "INTERNAL":
        correlation = told["extensions"]["correlationId"]
        assert correlation in told["message"]
        assert len(logged) == 1
        assert correlation in logged[0].getMessage()
        assert logged[0].exc_info is None
        assert len(logged[0].getMessage()) < 1000
    else:
        assert not logged


async def test_the_next_request_is_served() -> None:
    failing = Failing(Unavailable(SECRET))
    world = await World(failing).lines("a *1 b")
    assert await world.code(LINEAGE) == "UNAVAILABLE"
    assert (await world.ask('{ dataset(namespace: "n", name: "a") { name } }'))["dataset"] == {"name": "a"}


class Slow(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        await asyncio.sleep(60)
        raise AssertionError("it was not waited for")


async def test_a_deadline_ends_a_request() -> None:
    world = await World(Slow(), Costs(seconds=0.01)).lines("a *1 b")
    data, errors = await world.result('{ lineage(of: ["dataset:n#a"]) { answer { total } } x: node(id: "y") { id } }')
    assert data == {"lineage": None, "x": None}
    assert {each["extensions"]["code"] for each in errors} == {"TIMEOUT"}


async def test_a_call_that_fails_fails_those_who_asked_for_it() -> None:
    world = await World(Failing(Unavailable(SECRET))).lines("a *j.1 b")
    query = """{ lineage(of: ["dataset:n#a"]) { answer { total } } search(text: "a") { totalCount }
        dataset(namespace: "n", name: "a") { name tags } job(namespace: "n", name: "j") { runs { totalCount } } }"""
    data, (told,) = await world.result(query)
    assert (told["path"], told["extensions"]["code"]) == (["lineage"], "UNAVAILABLE")
    assert data["lineage"] is None
    assert data["dataset"] == {"name": "a", "tags": []}
    assert data["job"]["runs"]["totalCount"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "# nothing",
        "{ nothing }",
        "query ($x: Int!) { node(id: $x) { id } }",
        "{ node { id } }",
        '{ node(id: "x") }',
        "{ dataset(name: 3) { id } }",
        '{ dataset(name: "x") { upstream(kinds: [TABLE]) { nodes { id } } } }',
        '{ dataset(name: "x") { upstream(kinds: [STATE]) { nodes { id } } } }',
        '{ dataset(name: "x") { upstream(asOf: "yesterday") { nodes { id } } } }',
        '{ dataset(name: "x") { upstream(asOf: "2026-01-01T00:00:00") { nodes { id } } } }',
        'fragment F on Query { node(id: "x") { ...F } } { ...F }',
        '{ a: node(id: "x") { id } ... @nope { b: node(id: "y") { id } } }',
    ],
)
async def test_a_document_that_is_wrong_is_bad_input(query: str) -> None:
    world = World()
    data, errors = await world.result(query)
    assert data is None
    assert errors
    assert {error["extensions"]["code"] for error in errors} == {"BAD_INPUT"}
    assert world.backend.counts() == {}


async def test_variables_that_are_wrong_are_bad_input() -> None:
    world = World()
    query = """query ($id: ID!, $kinds: [Kind!], $first: Int) {
        lineage(of: [$id], kinds: $kinds, maxNodes: $first) { answer { total } } }"""
    for variables in ({}, {"id": None}, {"id": "a", "kinds": ["NO"]}, {"id": "a", "first": 2**40}, {"id": {"a": 1}}):
        data, errors = await world.result(query, **variables)
        assert data is None
        assert {error["extensions"]["code"] for error in errors} == {"BAD_INPUT"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{ dataset(namespace: "n", name: "a") { upstream(depth: -1) { nodes { id } } } }', "BAD_INPUT"),
        ('{ lineage(of: ["dataset:n#a"], depth: -1) { answer { total } } }', "BAD_INPUT"),
        ('{ impact(of: ["dataset:n#a"], depth: -5) { answer { total } } }', "BAD_INPUT"),
        (
            '{ dataset(namespace: "n", name: "a") { upstream(asOf: "2026-01-01T00:00:00Z") { nodes { id } } } }',
            "UNSUPPORTED",
        ),
        ('{ lineage(of: ["dataset:n#a"], asOf: "2026-01-01T00:00:00+02:00") { answer { total } } }', "UNSUPPORTED"),
        ('{ impact(of: ["dataset:n#a"], asOf: "2026-01-01T00:00:00Z") { answer { total } } }', "UNSUPPORTED"),
        ('{ lineage(of: ["dataset:n#nope"]) { answer { total } } }', "NOT_FOUND"),
        ('{ impact(of: ["dataset:n#nope"]) { answer { total } } }', "NOT_FOUND"),
        ('{ paths(from: "dataset:n#nope", to: "dataset:n#a") { answer { total } } }', "NOT_FOUND"),
    ],
)
async def test_arguments_are_refused_with_a_code(query: str, code: str) -> None:
    world = await World().lines("a *1 b")
    assert await world.code(query) == code


HAVING_KINDS = (
    '{ lineage(of: ["dataset:n#a"], kinds: %s) { answer { total } } }',
    '{ impact(of: ["dataset:n#a"], kinds: %s) { answer { total } } }',
    '{ paths(from: "dataset:n#a", to: "dataset:n#b", kinds: %s) { answer { total } } }',
    '{ dataset(namespace: "n", name: "a") { upstream(kinds: %s) { totalCount } } }',
    '{ dataset(namespace: "n", name: "a") { downstream(kinds: %s) { nodes { upstream(kinds: %s) { totalCount } } } } }',
    "{ search(kinds: %s) { totalCount } }",
)


@pytest.mark.parametrize("query", HAVING_KINDS)
async def test_runs_alone_are_refused_with_what_to_do(query: str) -> None:
    world = await World().lines("a *1 b")
    _, (error, *_) = await world.result(query.replace("%s", "[RUN]"))
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("BAD_INPUT", "kinds")
    assert "ask" in error["message"]
    assert "runs" in error["message"]
    assert (await world.result(query.replace("%s", "[DATASET, MODEL]")))[1] == []
    among_others = await world.result(query.replace("%s", "[DATASET, RUN]"))
    assert among_others == await world.result(query.replace("%s", "[DATASET]"))
    assert among_others[1] == []


@pytest.mark.parametrize(
    ("asked", "leading"),
    [
        ("kinds: [USER]", "PERFORMED"),
        ("kinds: [METRICS, HYPERPARAMETERS]", "CONFIGURED_WITH, EVALUATED_WITH"),
        ("kinds: [DATASET], edgeKinds: [DERIVES]", "INPUT_TO"),
        ("kinds: [JOB], edgeKinds: [USED_IN_TRAINING]", "HAS_OPERATION"),
    ],
)
async def test_kinds_of_which_none_can_be_met_are_refused_with_the_edges_that_lead_there(asked: str, leading: str) -> None:
    world = await World().lines("a *1 b")
    _, (error,) = await world.result(f'{{ lineage(of: ["dataset:n#b"], {asked}) {{ answer {{ total }} }} }}')
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("BAD_INPUT", "kinds")
    assert leading in error["message"]


@pytest.mark.parametrize(
    "asked",
    [
        "kinds: []",
        "kinds: [DATASET, USER]",
        "kinds: [DATASET, RUN]",
        "kinds: [USER], edgeKinds: [PERFORMED]",
        "kinds: [JOB], edgeKinds: [INPUT_TO]",
        "kinds: [PREDICTION], edgeKinds: [GENERATED_BY]",
    ],
)
async def test_kinds_of_which_one_can_be_met_are_taken(asked: str) -> None:
    world = await World().lines("a *1 b")
    assert (await world.result(f'{{ lineage(of: ["dataset:n#b"], {asked}) {{ answer {{ total }} }} }}'))[1] == []


async def test_as_of_null_is_now() -> None:
    world = await World().lines("a *1 b")
    data = await world.ask('{ lineage(of: ["dataset:n#a"], asOf: null) { answer { total } } }')
    assert data["lineage"]["answer"]["total"] == 2


async def test_validation_errors_are_few_and_carry_no_names_of_classes() -> None:
    world = World()
    _, errors = await world.result("{ %s }" % " ".join(f"no{n}" for n in range(15)) + "")  # noqa: UP031
    assert len(errors) == 15
    _, errors = await world.result('{ node(id: "x") { %s } }' % " ".join(f"no{n}" for n in range(200)))  # noqa: UP031
    assert len(errors) <= 20


def test_every_code_comes_of_one_table() -> None:
    assert explain(Rejected("an edge needs both its ends")).code is Code.BAD_INPUT  # type: ignore[union-attr]
    assert explain(CommandError("CONFLICT", "x", "f")).more == {"field": "f"}  # type: ignore[union-attr]
    assert explain(CommandError("ODD", "x")).code is Code.BAD_INPUT  # type: ignore[union-attr]
    assert explain(ValueError("x")) is None
    given = GraphQLError("x", original_error=GraphQLError("y", original_error=Unavailable(SECRET)))
    assert present(given).extensions == {"code": Code.UNAVAILABLE}
