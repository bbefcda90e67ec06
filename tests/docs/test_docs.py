"""Every command and query that the documents show is run, against a service with the demo as a new user has it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.demo import QUESTION
from api.greeting import ANY_STORE
from benchmarks.service import QUERIES
from tests.api.process import PATIENCE, ROOT, Service, environment, get, post, started

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
SAVED = {path.name: path.read_text() for path in sorted((ROOT / "ui/graphiql/questions").iterdir())}
QUESTIONS = [pytest.param(text, id=name) for name, text in SAVED.items() if "\nquery " in text]
FOLLOWED = [pytest.param(text, id=name) for name, text in SAVED.items() if "\nsubscription " in text]
DEFAULT_URL = "http://127.0.0.1:8000"


def blocks(language: str) -> list[Any]:
    """The fenced blocks of a language in all documents, as parameters named after their place."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        for match in BLOCK.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 1
                found.append(pytest.param(match[2], id=f"{document.name}:{line}"))
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(tmp_path_factory.mktemp("docs"), HEADWATER_DEMO="1") as running:
        yield running


@pytest.mark.parametrize("query", [*blocks("graphql"), *QUESTIONS])
def test_queries_answer(service: Service, query: str) -> None:
    """A query shown answers without an error, or with the one that its first line announces."""
    answer = post(f"{service.url}/graphql", json={"query": query}).json()
    announced = re.match(r"# error: (\w+)", query)
    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    assert codes == ([announced[1]] if announced else []), answer
    if not announced:
        assert all(value is not None for value in answer["data"].values()), answer
        assert re.search(r'"(nodes|edges|paths|operations|id|errors)": ?\[?[^\]]', json.dumps(answer["data"])), "not empty"


@pytest.mark.parametrize("question", [*QUESTIONS, *FOLLOWED])
def test_questions_are_as_the_page_takes_them(question: str) -> None:
    """Their words in the first line, then one query with a name of its own."""
    assert re.fullmatch(r"# \S.*\n(query|subscription) [A-Z]\w+ \{\n[^#]*\}\n", re.sub(r'"[^"\n]*"', '""', question))


@pytest.mark.parametrize("question", FOLLOWED)
def test_what_is_followed_begins_to_answer(service: Service, question: str) -> None:
    headers = {"accept": "text/event-stream"}
    asked = httpx.stream("POST", f"{service.url}/graphql", json={"query": question}, headers=headers, timeout=PATIENCE)
    with asked as answer:
        first = next(line for line in answer.iter_lines() if line.startswith("data:"))
    assert "errors" not in json.loads(first.removeprefix("data:"))


@pytest.mark.parametrize("script", blocks("sh"))
def test_commands_work(service: Service, script: str) -> None:
    """curl lines are run as they stand, but for the port, and ours beside the service's store; of make, that there is such a
    verb: CI runs them; of docker, which is not here, that there is such a profile."""
    if (verb := re.match(r"(?:\w+=\S+ )*make (\w+)", script)) is not None:
        assert re.search(rf"^{verb[1]}:", (ROOT / "Makefile").read_text(), re.M)
        return
    for profile in re.findall(r"^docker compose --profile (\w+) .*", script, re.M):
        assert f"profiles: [{profile}]" in (ROOT / "docker-compose.yml").read_text()
    script = re.sub(r"^docker compose .*", "", script, flags=re.M).replace(DEFAULT_URL, service.url)
    ran = subprocess.run(
        ["bash", "-euc", re.sub(r"^\.venv/bin/headwater ", f"{sys.executable} -m api ", script, flags=re.M)],
        cwd=service.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert '"error' not in ran.stdout


def test_nothing_that_we_ask_is_left_to_the_general_executor(service: Service) -> None:
    """Of what the documents, the greeting and the benchmarks ask; but for the errors that a document announces."""
    ids = ["dataset:shop#raw.orders"]
    asked: list[Any] = [{"query": query.values[0]} for query in (*blocks("graphql"), *QUESTIONS)]
    asked += [{"query": query} for query in (QUESTION, ANY_STORE)]
    asked += [{"query": query, "variables": {"of": ids} if "$of" in query else {}} for query in QUERIES.values()]
    for body in asked:
        assert "data" in post(f"{service.url}/graphql", json=body).json() or body["query"].startswith("# error"), body
    told = get(f"{service.url}/metrics").text
    counts = {reason: float(count) for reason, count in re.findall(r'graphql_fallbacks_total{reason="(\w+)"} (\S+)', told)}
    assert counts.pop("error") >= 1
    assert counts
    assert not any(counts.values()), counts


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_readme_counts_what_the_demo_holds(service: Service) -> None:
    upstream = "upstream(depth: null, kinds: [DATASET]) { totalCount }"
    query = f'{{ prediction(namespace: "shop", name: "return_risk/2/O00720") {{ {upstream} }} }}'
    answer = post(f"{service.url}/graphql", json={"query": query}).json()
    words = {20: "Twenty", 19: "Nineteen", 21: "Twenty-one"}
    count = answer["data"]["prediction"]["upstream"]["totalCount"]
    assert f"{words[count]} datasets" in (ROOT / "README.md").read_text()
