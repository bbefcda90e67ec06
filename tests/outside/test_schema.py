"""The schema as tools of others see it: the linter of its style, Relay's compiler, the finder of breaking changes."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schema.sdl import printed
from tests.outside.conftest import PATIENCE
from tests.schema.graphs import node as node_id
from tests.schema.world import World

HERE = Path(__file__).parent
RULES = (
    "arguments-have-descriptions",
    "defined-types-are-used",
    "deprecations-have-a-reason",
    "descriptions-are-capitalized",
    "enum-values-all-caps",
    "enum-values-have-descriptions",
    "fields-are-camel-cased",
    "fields-have-descriptions",
    "input-object-values-are-camel-cased",
    "input-object-values-have-descriptions",
    "relay-connection-arguments-spec",
    "relay-connection-types-spec",
    "relay-page-info-spec",
    "types-are-capitalized",
    "types-have-descriptions",
)
"""All that the linter has but those that want everything in the order of the alphabet: ours is the order of reading."""
FEDERATIONS = {"fields-are-camel-cased": ["Query._entities", "Query._service"], "types-are-capitalized": ["_Service"]}
"""Names that Apollo Federation gives."""
FIELD = '  """The entity."""\n  node: Dataset!\n'


def findings(node: Callable[..., str], schema: Path, code: int) -> list[str]:
    """What the linter finds, as `rule: message`."""
    said = json.loads(
        node(
            "node_modules/graphql-schema-linter/lib/cli.js",
            *("--rules", ",".join(RULES), "--ignore", json.dumps(FEDERATIONS), "--format", "json", str(schema)),
            code=code,
        )
    )
    return [f"{each['rule']}: {each['message']}" for each in said["errors"]]


def test_the_linter_finds_nothing(node: Callable[..., str], tmp_path: Path) -> None:
    schema = tmp_path / "schema.graphql"
    schema.write_text(printed())
    assert findings(node, schema, 0) == []
    schema.write_text(printed().replace(FIELD, "  node: Dataset!\n").replace("hasNextPage: Boolean!", "hasNextPage: Int!"))
    found = findings(node, schema, 1)
    assert {each.partition(":")[0] for each in found} == {"fields-have-descriptions", "relay-page-info-spec"}


def test_all_rules_of_the_linter_are_known(node: Callable[..., str]) -> None:
    script = """import { readdirSync } from "node:fs";
        console.log(JSON.stringify(readdirSync("node_modules/graphql-schema-linter/lib/rules")))"""
    rules = {name.removesuffix(".js").replace("_", "-") for name in json.loads(node("--input-type=module", "-e", script))}
    assert rules - set(RULES) == {
        f"{what}-sorted-alphabetically" for what in ("enum-values", "input-object-fields", "interface-fields", "type-fields")
    }


@pytest.fixture
def compiled(node: Callable[..., str], tmp_path: Path) -> dict[str, str]:
    """The operations that Relay makes of our documents, by name."""
    documents, made, schema, queries = (tmp_path / name for name in ("src", "made", "schema.graphql", "queries.json"))
    shutil.copytree(HERE / "relay", documents)
    made.mkdir()
    schema.write_text(printed())
    queries.write_text("{}")
    config = {"language": "javascript", "src": documents, "artifactDirectory": made, "schema": schema}
    persisted = {"file": str(queries), "algorithm": "SHA256"}
    file = tmp_path / "relay.config.json"
    file.write_text(json.dumps({**config, "persistConfig": persisted}, default=str))
    node("node_modules/relay-compiler/cli.js", str(file))
    texts = json.loads(queries.read_text()).values()
    return {text.split("(")[0].split()[1]: text for text in texts}


async def test_what_relay_compiles_is_answered(compiled: dict[str, str]) -> None:
    world = await World().lines("raw *j.1 clean", "older *j.2 clean", "raw/x clean/y raw/z")
    await world.run("r1", node_id("J:j"), 1)
    of = node_id("clean")
    asked: dict[str, dict[str, Any]] = {
        "ExplorerQuery": {"of": [node_id("raw")], "id": node_id("raw"), "text": "clean"},
        "ExplorerEntityQuery": {"id": of, "first": 1, "depth": None},
        "ExplorerDatasetQuery": {"id": node_id("raw"), "first": 1},
        "ExplorerJobQuery": {"id": node_id("J:j")},
        "ExplorerFoundQuery": {"text": "clean"},
        "ExplorerImpactQuery": {"of": [node_id("raw")]},
        "ExplorerTrainingMutation": {"input": {"model": {"name": "m", "version": "1"}, "datasets": [of]}},
    }
    assert set(compiled) - set(asked) == {"ExplorerChangesSubscription"}, "which is listened to"
    answers = {name: await world.ask(compiled[name], **variables) for name, variables in asked.items()}
    assert all(value is not None for answer in answers.values() for value in answer.values())
    pages = []
    for name, key in (("ExplorerEntityQuery", "upstream"), ("ExplorerDatasetQuery", "columns")):
        first = answers[name]["node"][key]
        assert first["pageInfo"]["hasNextPage"], name
        after = first["pageInfo"]["endCursor"]
        assert after == first["edges"][-1]["cursor"]
        second = (await world.ask(compiled[name], **asked[name], after=after))["node"][key]
        assert not second["pageInfo"]["hasNextPage"]
        pages.append([edge["node"]["name"] for page in (first, second) for edge in page["edges"]])
    assert pages == [["older", "raw"], ["x", "z"]]


CHANGES = (
    (r"(?=  .{3}\n  What last happened to it)(.*\n){3}  lifecycle: String\n", "", "BREAKING", "Dataset.lifecycle"),
    (r"(  lifecycle: String\n)", r"\1  colour: String\n", "NON_BREAKING", "Dataset.colour"),
    (r"  lifecycle: String\n", "  lifecycle: Int\n", "BREAKING", "Dataset.lifecycle"),
    (r"    maxNodes: Int = 1000\n", "    maxNodes: Int! = 1000\n", "BREAKING", "Query.lineage.maxNodes"),
    (r"    maxNodes: Int = 1000\n", "    maxNodes: Int = 100\n", "DANGEROUS", "Query.lineage.maxNodes"),
    (r"(?<=enum Direction \{\n)", "  NEITHER\n", "DANGEROUS", "Direction.NEITHER"),
)


@pytest.mark.parametrize(("text", "becomes", "level", "path"), CHANGES)
def test_breaking_changes_are_found(
    node: Callable[..., str], tmp_path: Path, text: str, becomes: str, level: str, path: str
) -> None:
    """`make breaking` asks the same script of the schema and that of an earlier revision."""
    before, after = tmp_path / "before.graphql", tmp_path / "after.graphql"
    before.write_text(printed())
    changed, times = re.subn(text, becomes, printed())
    assert times == 1
    after.write_text(changed)
    same = node("breaking.js", str(before), str(before), "--json")
    assert json.loads(same) == []
    found = json.loads(node("breaking.js", str(before), str(after), "--json", code=1 if level == "BREAKING" else 0))
    assert [(each["level"], each["path"]) for each in found] == [(level, path)]
    told = node("breaking.js", str(before), str(after), code=1 if level == "BREAKING" else 0)
    assert told.startswith(f"{level} ")


def test_make_breaking_compares_with_an_earlier_revision(node: Callable[..., str], tmp_path: Path) -> None:
    """In a repository of its own: the last tag is meant unless told, and a change that breaks is a failure."""
    schema, outside = tmp_path / "schema" / "schema.graphql", tmp_path / "tests" / "outside"
    schema.parent.mkdir()
    outside.mkdir(parents=True)
    shutil.copy(HERE.parents[1] / "Makefile", tmp_path)
    for name in ("package-lock.json", "breaking.js"):
        shutil.copy2(HERE / name, outside)  # older than what is installed by it
    (outside / "node_modules").symlink_to(f"{node('-p', 'process.cwd()').strip()}/node_modules")

    # of the make or the git hook that may have started the tests
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "GIT_"))}

    def ran(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=alone, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def kept(text: str) -> None:
        schema.write_text(text)
        ran("git", "add", "schema")
        done = ran(
            "git",
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "-c",
            "commit.gpgsign=false",
            "commit",
            "--quiet",
            "-m",
            "schema",
        )
        assert done.returncode == 0, done.stderr

    ran("git", "init", "--quiet")
    kept(printed())
    ran("git", "tag", "v1")
    kept(printed().replace("  lifecycle: String\n", "  lifecycle: Int\n"))
    told = ran("make", "--no-print-directory", "breaking")
    assert told.returncode == 2, told.stderr
    assert told.stdout.splitlines()[0] == "since v1:"
    assert told.stdout.splitlines()[1].startswith("BREAKING     Field 'Dataset.lifecycle'")
    told = ran("make", "--no-print-directory", "breaking", "SINCE=HEAD")
    assert (told.returncode, told.stdout) == (0, "since HEAD:\nnothing changed\n")
