"""Check that the kept events hold what the demo promises. Standard library only.

    python demo/check.py                              all promises, and the core of the specification by hand
    python demo/check.py --schema OpenLineage.json    each event against the schema too (needs the package jsonschema)

Each check prints a line; the first that fails stops with a reason. The rule for edges is the one Headwater uses, in its
simplest form: a completed run's output comes from the datasets its column lineage names and from those inputs that no
column lineage of the run names; without column lineage it comes from all inputs.
"""

import argparse
import datetime as dt
import json
import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

Name = tuple[str, str]
Graph = dict[tuple, set[tuple]]

EVENTS = Path(__file__).parent / "events"
DAYS = ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"]
MOST_EVENTS, MOST_BYTES = 400, 2_500_000
FOREIGN = re.compile(r"/tmp/|/root\b|/home/|/work/|/var/folders/|/Users/")

DUCKDB = "duckdb:///srv/shop/shop.duckdb"
FEATURES: Name = ("file", "/srv/shop/features/order_features")
# From the feature table up to the till of the web shop: each comes from the next.
CHAIN: list[Name] = [
    FEATURES,
    ("file", "/srv/shop/lake/marts/fct_orders"),
    (DUCKDB, "shop.marts.fct_orders"),
    (DUCKDB, "shop.staging.stg_order_items"),
    (DUCKDB, "shop.raw.order_items"),
    ("file", "/srv/shop/raw/order_items.csv"),
]
# Each emitter by what it calls itself in its events.
EMITTERS = {
    "Airflow": "/airflow/",
    "dbt": "/integration/dbt",
    "Spark": "/integration/spark",
    "own scripts": "https://example.org/shop",
}


def need(condition: object, reason: str) -> None:
    """Stop with ``reason`` unless the condition holds (assert would vanish under -O)."""
    if not condition:
        raise SystemExit(f"demo/check.py: {reason}")


def read(file: Path) -> list[dict]:
    """The JSON objects of a file, one a line."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def moment(text: str) -> dt.datetime:
    """A time with a zone."""
    parsed = dt.datetime.fromisoformat(text)
    need(parsed.tzinfo, f"{text} has no zone")
    return parsed


def names(datasets: list[dict]) -> set[Name]:
    """The datasets' names."""
    return {(dataset["namespace"], dataset["name"]) for dataset in datasets}


def facets_of(event: dict) -> Iterator[dict]:
    """All facets of an event."""
    yield from event["run"].get("facets", {}).values()
    yield from event["job"].get("facets", {}).values()
    for dataset in event["inputs"] + event["outputs"]:
        for kind in ("facets", "inputFacets", "outputFacets"):
            yield from dataset.get(kind, {}).values()


class Story:
    """The events of all days, and what they say together."""

    def __init__(self) -> None:
        self.days = {day: read(EVENTS / f"{day}.ndjson") for day in DAYS}
        self.events = [event for events in self.days.values() for event in events]
        self.requests = read(EVENTS / "models.ndjson")
        self.runs: dict[tuple[str, str], list[dict]] = defaultdict(list)
        for event in self.events:
            self.runs[event["job"]["name"], event["run"]["runId"]].append(event)
        self.completed = [
            run
            for run in self.runs.values()
            if {"COMPLETE"} == {event["eventType"] for event in run} & {"COMPLETE", "FAIL", "ABORT"}
        ]

    def inputs_of(self, mutation: str) -> list[dict]:
        """What Headwater was told by this mutation."""
        return [request["variables"]["input"] for request in self.requests if mutation in request["query"]]

    def tables(self) -> Graph:
        """Each dataset, with the datasets it comes from."""
        graph: Graph = defaultdict(set)
        for run in self.completed:
            inputs = {name for event in run for name in names(event["inputs"])}
            explained: Graph = defaultdict(set)
            for target, _, source in columns_of(run):
                explained[target].add(source[:2])
            unnamed = inputs - {source for sources in explained.values() for source in sources}
            for event in run:
                for output in names(event["outputs"]):
                    graph[output] |= explained[output] | unnamed if output in explained else inputs
                for new, old in renames(event):
                    graph[new].add(old)
        return graph

    def columns(self) -> Graph:
        """Each column, with the columns its value comes from (columns that only filter or sort are left out)."""
        graph: Graph = defaultdict(set)
        for run in self.completed:
            for target, field, source in columns_of(run):
                if field is not None and source[3]:
                    graph[*target, field].add(source[:3])
        return graph


def columns_of(run: list[dict]) -> Iterator[tuple[Name, str | None, tuple]]:
    """What the column lineage of a run says: (target, field or None, (namespace, name, field, does the value flow))."""
    for event in run:
        for output in event["outputs"]:
            lineage = output.get("facets", {}).get("columnLineage", {})
            fields = lineage.get("fields", {}).items()
            entries = [(field, source) for field, entry in fields for source in entry["inputFields"]]
            entries += [(None, source) for source in lineage.get("dataset", [])]
            for field, source in entries:
                ways = source.get("transformations") or [{"type": "DIRECT"}]
                direct = any(way["type"] == "DIRECT" for way in ways)
                target = (output["namespace"], output["name"])
                yield target, field, (source["namespace"], source["name"], source["field"], direct)


def renames(event: dict) -> Iterator[tuple[Name, Name]]:
    """The renames an event tells of, as (new, old)."""
    for output in event["outputs"]:
        change = output.get("facets", {}).get("lifecycleStateChange", {})
        if change.get("lifecycleStateChange") == "RENAME":
            old = change["previousIdentifier"]
            yield (output["namespace"], output["name"]), (old["namespace"], old["name"])


def upstream(graph: Graph, start: tuple) -> set[tuple]:
    """Everything that ``start`` comes from, itself included."""
    found, waiting = {start}, [start]
    while waiting:
        for source in graph.get(waiting.pop(), set()) - found:
            found.add(source)
            waiting.append(source)
    return found


# --- the promises -----------------------------------------------------------------------------------------------------
def check_files(story: Story) -> str:
    """A moderate set of ordered days that tells nothing of the machine it was made on."""
    files = sorted(EVENTS.glob("*.ndjson"))
    need([file.stem for file in files] == [*DAYS, "models"], "events/ has other files than expected")
    size = sum(file.stat().st_size for file in files)
    need(len(story.events) <= MOST_EVENTS and size <= MOST_BYTES, "too many events or bytes")
    for file in files:
        found = FOREIGN.search(file.read_text(encoding="utf-8"))
        need(not found, f"{file.name} has a path of some machine: {found and found[0]}")
    for day, events in story.days.items():
        times = [moment(event["eventTime"]) for event in events]
        need(times == sorted(times), f"{day} is not in order")
        need({time.date().isoformat() for time in times} == {day}, f"{day} has events of another day")
    return f"{len(story.events)} events on {len(DAYS)} days, {size / 1e6:.2f} MB"


def check_core(story: Story) -> str:
    """The core of the specification, by hand."""
    for event in story.events:
        where = f"{event.get('eventTime')} {event.get('job', {}).get('name')}"
        uuid.UUID(event["run"]["runId"])
        need(event["eventType"] in {"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"}, f"{where}: eventType")
        need(event["job"]["namespace"] and event["job"]["name"], f"{where}: job")
        need(re.match(r"https?://", event["producer"]), f"{where}: producer")
        need(event["schemaURL"].endswith("OpenLineage.json#/$defs/RunEvent"), f"{where}: schemaURL")
        need(all("" not in name for name in names(event["inputs"] + event["outputs"])), f"{where}: dataset")
        need(all({"_producer", "_schemaURL"} <= facet.keys() for facet in facets_of(event)), f"{where}: facets")
    return "every event has the core of the specification"


def check_emitters(story: Story) -> str:
    """All emitters took part."""
    counts = {emitter: sum(mark in event["producer"] for event in story.events) for emitter, mark in EMITTERS.items()}
    need(all(counts.values()) and sum(counts.values()) == len(story.events), f"emitters: {counts}")
    return ", ".join(f"{emitter} {count}" for emitter, count in counts.items())


def check_failure(story: Story) -> str:
    """A model fails on Tuesday and works on Wednesday; Airflow says so too."""
    failed = defaultdict(set)
    for event in story.events:
        failed[event["eventTime"][:10]] |= {event["job"]["name"]} if event["eventType"] == "FAIL" else set()
    expected = {"shop.marts.shop.fct_orders", "dbt-run-shop", "shop_daily.dbt_run", "shop_daily"}
    need(failed["2026-03-03"] == expected, f"Tuesday failed in {failed['2026-03-03']}")
    need(sum(map(len, failed.values())) == len(expected), "another day failed")
    worked = {event["job"]["name"] for event in story.days["2026-03-04"] if event["eventType"] == "COMPLETE"}
    need(expected <= worked, "Wednesday did not work")
    return "fct_orders fails on 2026-03-03 and works on 2026-03-04"


def check_tests(story: Story) -> str:
    """Assertions on the data came along, one of them unmet."""
    results = [
        (event["eventTime"][:10], assertion["success"])
        for event in story.events
        if event["eventType"] == "COMPLETE"
        for dataset in event["inputs"]
        for assertion in dataset.get("inputFacets", {}).get("dataQualityAssertions", {}).get("assertions", [])
    ]
    need({day for day, success in results if not success} == {"2026-03-05"}, "the unmet test is not on Thursday")
    return f"{len(results)} assertions, {sum(not success for _, success in results)} unmet"


def check_export(story: Story) -> str:
    """One job reads and writes other things on other days, and its days do not mix."""
    pictures = {
        (event["eventTime"][:10], frozenset(names(event["inputs"])), frozenset(names(event["outputs"])))
        for event in story.events
        if event["job"]["name"] == "store_export.adaptive_spark_plan" and event["eventType"] == "COMPLETE"
    }
    need(len(pictures) == 4 and len({picture[1:] for picture in pictures}) == 2, f"store_export: {pictures}")
    graph = story.tables()
    for ours, other in ("ab", "ba"):
        found = upstream(graph, ("file", f"/srv/shop/exports/store_{ours}"))
        need(("file", f"/srv/shop/raw/tills/store_{ours}.csv") in found, f"store {ours} lost its till")
        need(("file", f"/srv/shop/raw/tills/store_{other}.csv") not in found, f"store {ours} has the other's till")
    return "store_export reads till A on two days and till B on two"


def check_columns(story: Story) -> str:
    """Column lineage from every kind of emitter, connected from the features to the raw files."""
    for emitter, mark in EMITTERS.items():
        sent = [json.dumps(event["outputs"]) for event in story.events if mark in event["producer"]]
        need(any('"columnLineage"' in outputs for outputs in sent), f"no column lineage from {emitter}")
    found = upstream(story.columns(), (*FEATURES, "order_total"))
    need(("file", "/srv/shop/raw/order_items.csv", "unit_price") in found, "order_total does not reach unit_price")
    schemas = [
        (output["name"], output["facets"].get("schema", {}).get("fields", []))
        for event in story.events
        if EMITTERS["dbt"] in event["producer"] and event["eventType"] == "COMPLETE"
        for output in event["outputs"]
    ]
    need(all(fields and all(field.get("type") for field in fields) for _, fields in schemas), "dbt: column types")
    return f"features.order_total comes from {len(found) - 1} columns, the last in raw files"


def check_rename(story: Story) -> str:
    """A table changes its name; both names were written to."""
    found = {rename for event in story.events for rename in renames(event)}
    new, old = ("file", "/srv/shop/lake/sessions"), ("file", "/srv/shop/lake/visits")
    need(found == {(new, old)}, f"renames: {found}")
    for table, days in ((old, DAYS[:2]), (new, DAYS[2:])):
        for day in days:
            need(any(table in names(event["outputs"]) for event in story.days[day]), f"{table} not written on {day}")
    return "visits is renamed to sessions on 2026-03-04"


def check_chain(story: Story) -> str:
    """From a prediction to the raw files in one chain, over names that match exactly."""
    trainings = story.inputs_of("trackModelTraining")
    scorings = story.inputs_of("recordPrediction")
    need(len(trainings) == 2, "two versions of the model are expected")
    models = {"model:{namespace}#{name}#{version}".format(**training["model"]) for training in trainings}
    need({scoring["model"] for scoring in scorings} == models, "predictions of an unknown model")
    predictions = [scoring["name"] for scoring in scorings]
    need(len(predictions) == len(set(predictions)) == 20, "twenty predictions are expected")
    need(all(training["datasets"] == [f"dataset:{'#'.join(FEATURES)}"] for training in trainings), "trained on what?")
    for request in (*trainings, *scorings):
        time = request.get("trainedAt") or request["predictedAt"]
        need(time[:10] in DAYS, "a model's time is outside of the story")

    graph = story.tables()
    for target, source in pairwise(CHAIN):
        need(source in graph.get(target, ()), f"{target[1]} does not come from {source[1]}")
    need(graph.get(CHAIN[-1]) is None, "the chain does not end in a raw file")
    roots = {name for name in upstream(graph, FEATURES) if name not in graph}
    raw = [*(f"{name}.csv" for name in ("customers", "products", "orders", "order_items")), "web_events"]
    need(roots == {("file", f"/srv/shop/raw/{name}") for name in raw}, f"the features begin at {roots}")
    return f"prediction <- model <- {' <- '.join(name for _, name in CHAIN)}"


def check_parents(story: Story) -> str:
    """What Airflow started says so: dbt, Spark and the export hang below tasks, and the DAG run is their root."""
    tasks = {run for (job, run) in story.runs if job.startswith("shop_daily.")}
    below = {
        event["job"]["name"]
        for event in story.events
        if event["run"].get("facets", {}).get("parent", {}).get("run", {}).get("runId") in tasks
    }
    need(below == {"dbt-run-shop", "export_marts", "sessionize", "order_features"}, f"below the tasks: {below}")
    return f"below Airflow's tasks: {', '.join(sorted(below))}"


CHECKS: list[Callable[[Story], str]] = [
    check_files,
    check_core,
    check_emitters,
    check_failure,
    check_tests,
    check_export,
    check_columns,
    check_rename,
    check_chain,
    check_parents,
]


def check_schema(story: Story, schema: Path) -> str:
    """Each event against the JSON schema of the specification, formats included."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(
        json.loads(schema.read_text(encoding="utf-8")), format_checker=jsonschema.FormatChecker()
    )
    for event in story.events:
        for error in validator.iter_errors(event):
            need(False, f"{event['eventTime']} {event['job']['name']}: {error.message[:200]}")
    return f"{len(story.events)} events are valid under {schema.name}"


def main() -> None:
    """Run all checks."""
    parser = argparse.ArgumentParser(description="Check that the demo's events hold what it promises.")
    parser.add_argument("--schema", type=Path, help="OpenLineage.json, version 2-0-2")
    options = parser.parse_args()
    story = Story()
    for check in CHECKS:
        print(f"{check.__name__.removeprefix('check_'):9} {check(story)}")
    if options.schema:
        print(f"{'schema':9} {check_schema(story, options.schema)}")


if __name__ == "__main__":
    main()
