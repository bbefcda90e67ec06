"""What a Neo4j URL says, what the environment adds, and what no message, log or printed value tells."""

import logging
from pathlib import Path

import neo4j
import pytest
from neo4j import exceptions

from backends.errors import BackendError, Misconfigured, Rejected, TimedOut, Unavailable
from backends.neo4j_driver import ours
from backends.neo4j_settings import SCHEMES, VARIABLES, Settings
from backends.registry import ADAPTERS, open_backend
from backends.testing.graphs import arrows, column, stated
from backends.testing.reading import node_of
from tests.backends.neo4j_store import empty
from tests.servers.neo4j import Neo4jServer

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("neo4j://host", ("neo4j://host:7687", None, None, None)),
        ("bolt://ana:s%40c%2Fret@host:17687/", ("bolt://host:17687", "ana", "s@c/ret", None)),
        ("neo4j+s://ana:@host?database=lineage", ("neo4j+s://host:7687", "ana", "", "lineage")),
        ("BOLT+SSC://[::1]:7000", ("bolt+ssc://[::1]:7000", None, None, None)),
    ],
)
def test_url_names_the_server(url: str, wanted: tuple[str, ...]) -> None:
    said = Settings.parse(url, {})
    assert (said.url, said.user, said.password, said.database) == wanted


def test_every_setting_has_its_place() -> None:
    url = "bolt://h?index=on&snapshots=/var/lib/x&timeout=0.5&queue=7&keep=9&connections=3"
    said = Settings.parse(url, {})
    assert (said.index, said.snapshots, said.timeout, said.queue, said.keep, said.connections) == (
        True,
        Path("/var/lib/x"),
        0.5,
        7,
        9,
        3,
    )


def test_environment_speaks_where_the_url_is_silent(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("certificates")
    environ = dict(zip(VARIABLES.values(), ("ana", SECRET, "lineage", str(ca)), strict=True))
    said = Settings.parse("neo4j+s://h", environ)
    assert (said.user, said.password, said.database, said.ca) == ("ana", SECRET, "lineage", ca)
    assert (said.url, said.encrypted) == ("neo4j://h:7687", True), "the driver takes a flag beside certificates"
    said = Settings.parse("neo4j+s://bo:other@h?database=x", environ)
    assert (said.user, said.password, said.database) == ("bo", "other", "x")


@pytest.mark.parametrize(
    "url",
    [
        "neo4j:",
        "neo4j://",
        "neo4j:///path",
        "bolt://[",
        "bolt://h:port",
        "bolt://h/database",
        "bolt://h#x",
        "bolt://h?index=maybe",
        "bolt://h?timeout=soon",
        "bolt://h?timeout=0",
        "bolt://h?timeout=nan",
        "bolt://h?queue=0",
        "bolt://h?keep=-1",
        "bolt://h?connections=0",
        "bolt://h?cache=on",
        "bolt://:pw@h",
        "bolt+s://h?ca=/no/such/file",
        "bolt+ssc://h?ca=/no/such/file",
        "bolt://h?index=on&snapshots=/no/such/folder",
    ],
)
def test_url_that_cannot_be_meant_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(Misconfigured):
        open_backend(url)


@pytest.mark.parametrize("url", [f"bolt://ana:{SECRET}@h?x=1", f"bolt://ana:{SECRET}@h:port", f"bolt://:{SECRET}@h"])
def test_no_message_tells_a_secret(url: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        Settings.parse(url, {})
    assert SECRET not in str(raised.value)


def test_settings_printed_tell_no_secret() -> None:
    assert SECRET not in repr(Settings.parse(f"bolt://ana:{SECRET}@h", {}))


def test_every_scheme_opens_this_store() -> None:
    assert {scheme for scheme in ADAPTERS if scheme.startswith(("neo4j", "bolt"))} == {*SCHEMES}


def server_error(code: str) -> neo4j.exceptions.Neo4jError:
    """As the driver makes one of what a server sent."""
    return exceptions.Neo4jError._hydrate_neo4j(code=code, message="text of the engine")


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (exceptions.ServiceUnavailable(), Unavailable),
        (exceptions.SessionExpired(), Unavailable),
        (exceptions.ConfigurationError(), Misconfigured),
        (server_error("Neo.ClientError.Security.Unauthorized"), Misconfigured),
        (server_error("Neo.ClientError.Security.Forbidden"), Misconfigured),
        (server_error("Neo.ClientError.Database.DatabaseNotFound"), Misconfigured),
        (server_error("Neo.ClientError.Transaction.TransactionTimedOut"), TimedOut),
        (server_error("Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration"), TimedOut),
        (server_error("Neo.TransientError.Transaction.DeadlockDetected"), Unavailable),
        (server_error("Neo.TransientError.General.DatabaseUnavailable"), Unavailable),
        (server_error("Neo.TransientError.General.MemoryPoolOutOfMemoryError"), Unavailable),
        (server_error("Neo.ClientError.Statement.ArgumentError"), Rejected),
        (server_error("Neo.DatabaseError.General.UnknownError"), Unavailable),
        (TimeoutError(), TimedOut),
        (OverflowError(), Rejected),
        (OSError(), Unavailable),
    ],
)
def test_errors_become_ours_by_class_or_code(error: Exception, wanted: type[BackendError]) -> None:
    made = ours(error)
    assert isinstance(made, wanted)
    assert "text of the engine" not in str(made)


def test_what_is_no_error_of_a_server_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        ours(ZeroDivisionError())


async def test_what_is_stored_is_in_no_line_of_the_driver(
    neo4j_server: Neo4jServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with empty(neo4j_server.url) as store:
        with caplog.at_level(logging.DEBUG, "neo4j.io"):
            await store.apply(stated(arrows("payroll-b")))
            await node_of(store, column("payroll"))
    assert caplog.text.count("C: RUN") == 3, "each statement has its line"
    assert "payroll" not in caplog.text
