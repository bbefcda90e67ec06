"""Lenient where meaning survives, strict where it does not."""

from typing import Any

import pytest

from ingest.aliases import read_query
from ingest.decode import decode
from ingest.errors import BadEvent, Unreadable
from ingest.event import Event
from ingest.facets import Field
from ingest.parse import parse_event
from ingest.times import microseconds
from tests.ingest.support import START, Body, columns, dataset, dataset_event, ds, job_event, run_event, uuid


def changed(body: Body, pointer: str, value: Any) -> Body:
    """The body with one place changed, or removed where the value is `...`."""
    *path, last = pointer.strip("/").split("/")
    place: Any = body
    for step in path:
        place = place[int(step) if step.isdigit() else step]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return body


BASE = ["COMPLETE", "j", 1, ["a"], ["x"]]


@pytest.mark.parametrize(
    ("at", "value", "pointer"),
    [
        ("/eventTime", ..., "/eventTime"),
        ("/eventTime", "yesterday", "/eventTime"),
        ("/eventTime", 1767225600, "/eventTime"),
        ("/eventTime", "2026-13-01T00:00:00Z", "/eventTime"),
        ("/run/runId", ..., "/run/runId"),
        ("/run/runId", "", "/run/runId"),
        ("/run/runId", 7, "/run/runId"),
        ("/run/runId", "x\0y", "/run/runId"),
        ("/run", [], "/run/runId"),
        ("/job", ..., "/job"),
        ("/job", "j", "/job"),
        ("/job/name", ..., "/job/name"),
        ("/job/name", "", "/job/name"),
        ("/job/name", "j" * 2001, "/job/name"),
        ("/job/name", "nul\0", "/job/name"),
        ("/job/namespace", 3, "/job/namespace"),
        ("/inputs", "a", "/inputs"),
        ("/inputs", {"name": "a"}, "/inputs"),
        ("/inputs/0", "a", "/inputs/0"),
        ("/inputs/0/name", ..., "/inputs/0/name"),
        ("/inputs/0/name", None, "/inputs/0/name"),
        ("/outputs/0/namespace", ["db"], "/outputs/0/namespace"),
        ("/outputs/0/name", "a\0", "/outputs/0/name"),
    ],
)
def test_refused_whole_with_the_pointer(at: str, value: Any, pointer: str) -> None:
    with pytest.raises(BadEvent) as caught:
        parse_event(changed(run_event(0, *BASE), at, value))  # type: ignore[arg-type]
    assert caught.value.pointer == pointer
    assert caught.value.message


@pytest.mark.parametrize(
    "body", [None, 1, "event", [], [run_event(0, "START", "j", 1)], {}, {"eventTime": "2026-01-01T00:00:00Z"}]
)
def test_what_is_no_event_is_refused(body: Any) -> None:
    with pytest.raises(BadEvent):
        parse_event(body)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("/eventTime", "2026-01-01T00:00:00"),
        ("/eventTime", "2026-01-01 00:00:00.123456789Z"),
        ("/eventTime", "2026-01-01T02:00:00+02:00"),
        ("/run/runId", "manual__2026-01-01"),
        ("/eventType", ...),
        ("/eventType", None),
        ("/eventType", "complete"),
        ("/eventType", "FINISHED"),
        ("/job/namespace", ...),
        ("/inputs", None),
        ("/inputs", []),
        ("/inputs/0/namespace", ""),
        ("/inputs/0/facets", None),
        ("/run/facets", None),
        ("/run/facets", "none"),
        ("/job/facets", {"sql": None, "ownership": "me", "x.y": {"a": 1}}),
    ],
)
def test_taken_all_the_same(at: str, value: Any) -> None:
    event = parse_event(changed(run_event(0, *BASE), at, value))  # type: ignore[arg-type]
    assert abs(event.time - START) < 1_000_000


def said(event: Event) -> set[str]:
    return {pointer for pointer, _ in event.set_aside}


def test_facets_of_the_wrong_form_are_set_aside_and_the_event_stands() -> None:
    facets = {
        "ownership": {"owners": [{"type": "team"}]},
        "schema": {"fields": [{"type": "int"}]},
        "columnLineage": {"fields": []},
        "documentation": {"description": 7},
        "symlinks": {"identifiers": [{"namespace": "n"}]},
        "custom": [1],
        "kept": {"any": "thing"},
    }
    event = parse_event(run_event(0, "COMPLETE", "j", 1, [], [dataset("x", facets)]))
    at = "/outputs/0/facets/"
    assert said(event) == {at + n for n in ("ownership", "schema", "columnLineage", "documentation", "symlinks", "custom")}
    assert event.outputs is not None
    assert event.outputs[0].attributes == {
        "facet:kept": {"any": "thing"},
        "facet:columnLineage": facets["columnLineage"],
        "facet:symlinks": facets["symlinks"],
    }


def test_a_dataset_or_field_that_is_too_long_is_set_aside() -> None:
    long = "x" * 2000
    output = dataset("x", {**columns({long: [("a", "f")], "f": [("a", long)]}), "schema": {"fields": [{"name": long}]}})
    event = parse_event(run_event(0, "COMPLETE", "j", 1, [long, "a"], [output]))
    assert event.inputs is not None
    assert [each.id for each in event.inputs] == [ds("a")]
    assert len(said(event)) == 4


def test_kinds_of_events_are_told_by_what_they_hold() -> None:
    assert parse_event(run_event(0, "START", "j", 1)).origin == "run event"
    assert parse_event(job_event(0, "j")).origin == "job event"
    assert parse_event(dataset_event(0, "a", {"x": {}})).origin == "dataset event"
    assert parse_event({**job_event(0, "j"), "eventType": "COMPLETE", "run": None}).run is None


def test_run_ids() -> None:
    assert parse_event(run_event(0, "START", "j", uuid(171).upper())).run == f"run:{uuid(171)}"
    assert parse_event(run_event(0, "START", "j", "a#b%")).run == "run:jobs#j#a%23b%25", "other ids repeat between jobs"


def test_column_lineage_in_its_three_forms() -> None:
    source = {**dataset("a"), "field": "f"}
    old = {"inputFields": [source], "transformationType": "MASKED", "transformationDescription": "hash"}
    steps = [{"type": "DIRECT", "subtype": "AGGREGATION", "description": "sum", "masking": False}]
    new = {"inputFields": [{**source, "transformations": steps}]}
    facets = {"columnLineage": {"fields": {"old": old, "new": new, "bare": {"inputFields": [source]}}}}
    event = parse_event(run_event(0, "COMPLETE", "j", 1, ["a"], [dataset("x", facets)]))
    assert event.outputs is not None
    assert event.outputs[0].columns is not None
    assert event.outputs[0].columns["fields"] == {
        "bare": {ds("a"): {"f": []}},
        "new": {ds("a"): {"f": steps}},
        "old": {ds("a"): {"f": [{"type": "DIRECT", "subtype": "MASKED", "masking": True, "description": "hash"}]}},
    }


def test_what_the_known_facets_say() -> None:
    facets = {
        "schema": {"fields": [{"name": "f", "type": "int", "description": "d"}, {"name": "g", "type": None}]},
        "ownership": {"owners": [{"name": "team:b"}, {"name": "team:a"}]},
        "tags": {"tags": [{"key": "pii", "value": "true"}, {"key": "tier", "value": "1"}, {"key": "k", "field": "f"}]},
        "datasetType": {"datasetType": "VIEW"},
        "version": {"datasetVersion": "7"},
        "dataSource": {"name": "db", "uri": "postgres://prod"},
        "lifecycleStateChange": {"lifecycleStateChange": "TRUNCATE"},
    }
    event = parse_event(dataset_event(0, "a", facets))
    assert event.dataset is not None
    plain = {key: value for key, value in event.dataset.attributes.items() if not key.startswith("facet:")}
    assert plain == {
        "columns": ["f", "g"],
        "owners": ["team:a", "team:b"],
        "tags": ["pii", "tier:1"],
        "type": "VIEW",
        "version": "7",
        "location": "postgres://prod",
        "lifecycle": "TRUNCATE",
    }
    assert event.dataset.fields == (Field("f", 1, "int", "d"), Field("g", 2, None, None))
    assert event.dataset.field_tags == {"f": ["k"]}


@pytest.mark.parametrize(
    ("text", "fraction"),
    [("", 0), (".5", 500_000), (".123456789", 123_456), (".000001", 1)],
)
def test_times_to_the_microsecond(text: str, fraction: int) -> None:
    assert microseconds(f"2026-01-01T00:00:00{text}Z") == START + fraction


@pytest.mark.parametrize("text", ["", "2026-01-01", "now", "2026-01-01T25:00:00Z", "2026-W01-1T00:00", "1" * 70, None, 5])
def test_what_is_no_time(text: object) -> None:
    assert microseconds(text) is None


def test_decoding_is_lenient_where_json_is_not() -> None:
    assert decode(b'\xef\xbb\xbf{"a": NaN, "b": [Infinity, -Infinity]}') == {"a": None, "b": [None, None]}
    assert decode(b'{"n": 123456789012345678901234567890, "m": NaN}') == {"n": 1.2345678901234568e29, "m": None}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"a":' * 300 + b"1" + b"}" * 300, b"{'a': 1}", b'{"a": 1} {"b": 2}'],
)
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(body)
    assert caught.value.message.startswith("the body is")


def test_lone_surrogates_are_refused_where_they_stand() -> None:
    with pytest.raises(BadEvent) as caught:
        decode(rb'{"job": {"na/me": ["ok", "\ud800"]}}')
    assert caught.value.pointer == "/job/na~1me/1"
    assert decode(rb'{"a": "\ud83d\ude00"}') == {"a": "\U0001f600"}


def test_the_names_a_query_gives_to_its_own_parts() -> None:
    sql = 'with t as (select * from s.real), U(a, b) as materialized (select 1), real as (select * from s."real") select 1'
    query = read_query(sql)
    assert query.defined == {"t", "u", "real"}
    assert query.own == {"t", "u"}, "real is a table too"
    assert query.table("t") == ("s", "real")
    assert read_query("select count(*) as n from t").defined == set()


def test_names_through_names_and_in_circles() -> None:
    query = read_query("with a as (select * from b), b as (select * from s.t where x > 1), c as (select * from c) select 1")
    assert query.table("a") == ("s", "t")
    assert query.table("c") is None
    assert read_query("with a as (select * from s.t join s.u on 1 = 1) select 1").table("a") is None
    assert read_query("-- with z as (select * from s.t)\nwith a(x) as (select * from s.t) select 1").imported == {}


SQL = """
with orders as (select * from "shop"."marts"."fct_orders"), -- the import style of dbt
lines as (select id, count(*) as n from "shop"."marts"."items" group by 1)
select orders.id, lines.n from orders join lines on orders.id = lines.id
"""


def imported(source: str, *, inputs: list[str]) -> tuple[Any, set[str]]:
    """The sources of the one column of an output, and what was set aside."""
    output = dataset("shop.marts.daily", columns({"f": [(source, "id")]}))
    facets = {"sql": {"query": SQL}}
    event = parse_event(run_event(0, "COMPLETE", "j", 1, inputs, [output], job_facets=facets))
    assert event.outputs is not None
    assert event.outputs[0].columns is not None
    return event.outputs[0].columns["fields"]["f"], {why for _, why in event.set_aside}


def test_an_alias_that_is_nothing_but_a_table_is_that_table() -> None:
    table: dict[str, Any] = {ds("shop.marts.fct_orders"): {"id": []}}
    assert imported("orders", inputs=["shop.marts.fct_orders"]) == (table, set())
    assert imported("orders", inputs=[]) == (table, set()), "named in full"
    assert imported("shop.marts.orders", inputs=[]) == (table, set()), "as Airflow's parser spells it"


def test_an_alias_that_computes_is_set_aside_and_that_is_said() -> None:
    sources, why = imported("lines", inputs=[])
    assert why == {"lines is a name the query gives itself, and no table; set aside"}
    assert sources == {}
    assert imported("shop.marts.lines", inputs=["shop.marts.lines"])[0] == {ds("shop.marts.lines"): {"id": []}}
