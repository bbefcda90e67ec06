"""Who may import whom, read from the code itself; and that our plain package names are ours alone."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest

from backends.registry import ADAPTERS

ROOT = Path(__file__).parents[1]
OURS = ("api", "backends", "cache", "ingest", "schema")
ARROWS = {
    "backends": {"backends"},
    "cache": {"cache", "backends"},
    "ingest": {"ingest", "backends"},
    "schema": {"schema", "backends"},
    "api": {*OURS},
    "client": set[str](),
}
"""Package -> those of ours that it may import. `client` is installed into other people's environments, alone."""

KEPT = {
    "strawberry": ("schema",),
    "graphql": ("schema",),
    "starlette": ("api", "schema/http"),
    "uvicorn": ("api",),
    "apsw": ("backends/sqlite",),
    "sqlite3": (),
    "neo4j": ("backends/neo4j",),
    "gremlin_python": ("backends/gremlin",),
    "redis": ("cache/redis",),
    "opentelemetry": ("api/spans",),
}
"""Library -> where it may be imported (beginnings of paths): only schema knows GraphQL, only adapters know drivers."""

IMPURE = {"asyncio", "concurrent", "http", "httpx", "io", "multiprocessing", "os", "pathlib", "random", "shutil", "socket"}
IMPURE |= {"sqlite3", "subprocess", "tempfile", "threading", "time", "urllib3"}
"""What interpretation of events has no use for: it is a pure function of event and state."""

LONG = {
    "schema/types/entities.py": "the types of the API one after another: few words each, and the same fields again",
    "tests/schema/test_fold.py": "one fact after another of one pure function, on the same few graphs",
}
"""Files beyond 400 lines -> the reason why they are one file all the same."""


class Import(NamedTuple):
    """One import: in which file and line, of which module."""

    path: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


@cache
def files(package: str) -> tuple[Path, ...]:
    """The Python files of a package, without what tools leave and what is installed."""
    skipped = {"build", "dist", "node_modules", "__pycache__"}
    found = sorted(path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py"))
    return tuple(ROOT / path for path in found if not any(part.startswith(".") or part in skipped for part in path.parts))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> list[Import]:
    return list(imports_in(tree(path), named(path)))


def imports_in(code: ast.Module, path: str) -> Iterator[Import]:
    """Every import, inside functions and behind TYPE_CHECKING too. `from a import b` may mean the module a.b."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (Import(path, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from (Import(path, node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def every_import(*packages: str) -> list[Import]:
    return [found for package in packages for path in files(package) for found in imports(path)]


def top(module: str) -> str:
    return module.partition(".")[0]


def is_part_of(module: str, family: str) -> bool:
    """Whether a module is `backends.sqlite`, in it, or one of the files beside it that carry its name."""
    return re.match(rf"{re.escape(family)}(\b|_)", module) is not None


def test_every_way_to_import_is_seen() -> None:
    """Else the arrows below would hold of nothing."""
    lines = ("import a, b.c as d", "from e import f, g", "from . import h", "from .i import j")
    code = "\n".join([*lines, "def k():", "    import l", "if 1:", "    import m"])
    found = [found.module for found in imports_in(ast.parse(code), "x.py")]
    assert sorted(found) == ["..h", ".i.j", "a", "b.c", "e.f", "e.g", "l", "m"]
    assert len(files("backends")) > 20
    assert {"backends.base.LineageBackend", "pytest"} <= {found.module for found in every_import("backends")}


@pytest.mark.parametrize("package", ARROWS)
def test_arrows(package: str) -> None:
    foreign = {*OURS} - ARROWS[package]
    wrong = [found for found in every_import(package) if top(found.module) in foreign]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("package", OURS)
def test_imports_are_absolute(package: str) -> None:
    assert not [str(found) for found in every_import(package) if found.module.startswith(".")]


@pytest.mark.parametrize("package", OURS)
def test_the_service_imports_nothing_that_is_not_installed_with_it(package: str) -> None:
    beside = {"tests", "benchmarks", "demo", "headwater"}
    assert not [str(found) for found in every_import(package) if top(found.module) in beside]


def test_tests_are_imported_by_nobody_but_tests() -> None:
    """pytest is no dependency of the service: only the suite that is shipped for adapters may ask for it."""
    users = {found.path for found in every_import(*OURS) if top(found.module) in ("pytest", "hypothesis")}
    assert all(re.search(r"(^|/)testing(/|\.py$)", path) for path in users), users
    suites = [found for found in every_import(*OURS) if re.match(r"\w+\.testing\b", found.module)]
    assert not [str(found) for found in suites if "/testing" not in found.path]


def test_only_the_registry_names_adapters() -> None:
    """As text, so that a driver is imported when its URL is opened and not before. The suite has the reference as its
    oracle; an adapter may be several files."""
    adapters = {adapter.factory.partition(":")[0] for adapter in ADAPTERS.values()}
    wrong: list[str] = []
    for path in (path for package in OURS for path in files(package)):
        own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for adapter in adapters:
            if is_part_of(own, adapter) or (adapter == "backends.memory" and own.startswith("backends.testing.")):
                continue
            wrong += [str(found) for found in imports(path) if is_part_of(found.module, adapter)]
            if own != "backends.registry":
                wrong += [f"{named(path)} names {text!r}" for text in texts(path) if is_part_of(text, adapter)]
    assert not wrong, "\n".join(wrong)


def texts(path: Path) -> Iterator[str]:
    """The string constants of a file that are no docstrings."""
    bare = {id(node.value) for node in ast.walk(tree(path)) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


def test_only_the_registry_imports_by_name() -> None:
    """What is imported by name escapes the other tests here."""
    calls = {"import_module", "__import__"}
    users = {
        named(path)
        for package in OURS
        for path in files(package)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Name | ast.Attribute) and (node.id if isinstance(node, ast.Name) else node.attr) in calls
    }
    assert users <= {"backends/registry.py", "cache/registry.py"}


def test_libraries_stay_where_they_belong() -> None:
    wrong = [
        str(found)
        for found in every_import(*OURS)
        if top(found.module) in KEPT and not found.path.startswith(KEPT[top(found.module)])
    ]
    assert not wrong, "\n".join(wrong)


def test_interpretation_does_no_input_or_output() -> None:
    assert not [str(found) for found in every_import("ingest") if top(found.module) in IMPURE]


def test_no_dependency_owns_one_of_our_names() -> None:
    """The service runs in an environment of its own, where its packages may carry plain words; if a dependency brought
    `cache` or `schema`, one would hide the other."""
    owners = packages_distributions()
    foreign = {name: [who for who in owners.get(name, []) if who != "headwater-service"] for name in OURS}
    assert not {name: who for name, who in foreign.items() if who}
    assert "numpy" in owners, "the environment is not seen"


WATCHED = """
import json, sys, threading
seen = []
def watch(event, args):
    if event == "open":
        path, mode, flags = args
        if isinstance(path, (str, bytes)):
            path = path.decode() if isinstance(path, bytes) else path
            writes = flags & 0o3 or (isinstance(mode, str) and set(mode) & set("wax+"))
            own = path.startswith(ROOT + "/") and "/." not in path[len(ROOT):] and not path.endswith((".py", ".pyc"))
            if writes or own:
                seen.append(["open", path])
    elif event.startswith(("socket.connect", "socket.bind", "sqlite3.", "subprocess.", "os.mkdir", "os.re")):
        seen.append([event, repr(args)])
sys.addaudithook(watch)
import importlib
for name in MODULES:
    importlib.import_module(name)
threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
print(json.dumps({"seen": seen, "threads": threads, "modules": sorted(sys.modules)}))
"""


def imported(modules: list[str]) -> dict[str, list[str]]:
    """What a new process did while it imported these modules."""
    code = f"ROOT = {str(ROOT)!r}\nMODULES = {modules!r}\n{WATCHED}"
    command = [sys.executable, "-B", "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


def test_importing_does_nothing() -> None:
    """No file, no connection, no thread: a process is what its settings make it, not what it happened to import."""
    paths = [path.relative_to(ROOT).with_suffix("") for package in OURS for path in files(package)]
    modules = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    found = imported(modules)
    assert {*modules} <= {*found["modules"]}
    assert (found["seen"], found["threads"]) == ([], [])


def test_the_registry_imports_no_adapter_and_no_driver() -> None:
    found = {*imported(["backends.registry"])["modules"]}
    assert "backends.base" in found
    assert not found & {"apsw", "backends.memory", "backends.sqlite", "strawberry", "starlette", "pytest"}


def test_files_are_short_or_say_why_not() -> None:
    packages = (*OURS, "client", "tests", "benchmarks", "demo")
    lines = {named(path): path.read_bytes().count(b"\n") for package in packages for path in files(package)}
    long = {path: count for path, count in lines.items() if count > 400}
    unexplained = {path: count for path, count in long.items() if path not in LONG}
    assert not unexplained, "look for the second idea, or give a reason"
    assert {*LONG} <= {path for path, count in lines.items() if count > 300}, "no longer long"
    assert all(len(reason) > 20 for reason in LONG.values())
