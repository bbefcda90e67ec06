"""DateTime and JSON, as they come in and go out."""

from typing import Any

import pytest
from graphql import GraphQLError

from schema.scalars import parse_time, print_time
from tests.schema.world import World


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("2026-05-01T12:00:00Z", "2026-05-01T12:00:00Z"),
        ("2026-05-01T12:00:00+02:00", "2026-05-01T10:00:00Z"),
        ("2026-05-01T12:00:00.123456-00:30", "2026-05-01T12:30:00.123456Z"),
        ("2026-05-01T12:00:00.5Z", "2026-05-01T12:00:00.500000Z"),
        ("20260501T120000Z", "2026-05-01T12:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
    ],
)
def test_a_time_is_told_in_utc(said: str, printed: str) -> None:
    assert print_time(parse_time(said)) == printed
    assert parse_time(printed) == parse_time(said)


@pytest.mark.parametrize("said", ["", "2026-05-01", "2026-05-01T12:00:00", "now", "2026-13-01T00:00:00Z", 5, None, True])
def test_what_is_no_time_is_refused(said: object) -> None:
    with pytest.raises(GraphQLError):
        parse_time(said)


DEEP: Any = {"a": [1, -2.5, "é", None, True, {"b": {}}], "": [], "big": 2**60}


async def test_json_comes_back_as_it_was_said() -> None:
    world = World()
    query = """mutation ($name: String!, $value: JSON) {
        recordPrediction(input: { model: "m", name: $name, value: $value }) { errors { message } prediction { value } } }"""
    for number, value in enumerate((DEEP, [], "text", 0, 0.1, False, {})):
        made = (await world.ask(query, name=f"p{number}", value=value))["recordPrediction"]
        assert made == {"errors": [], "prediction": {"value": value}}
        assert type(made["prediction"]["value"]) is type(value)
    literal = """mutation ($inner: JSON) { recordPrediction(input: { model: "m", name: "q",
        value: { a: [1, 2.5, "x", null, true, $inner], b: { c: ENUM } } }) { prediction { value } } }"""
    made = (await world.ask(literal, inner={"z": 1}))["recordPrediction"]
    assert made["prediction"]["value"] == {"a": [1, 2.5, "x", None, True, {"z": 1}], "b": {"c": "ENUM"}}


async def test_numbers_that_json_does_not_have_are_refused() -> None:
    world = World()
    query = """mutation ($value: JSON) { recordPrediction(input: { model: "m", name: "p", value: $value }) { epoch } }"""
    for value in (float("nan"), [float("inf")], {"a": {"b": float("-inf")}}):
        assert await world.code(query, value=value) == "BAD_INPUT"
