"""Servers are started, stopped, killed and started again by their own process id, and none outlives who started it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import fixtures
from tests.servers.process import ROOT, Failed, NotHere, Server, free_port, listens

LISTENER = """
import socket, sys, time
print("hello", flush=True)
if sys.argv[2] == "fails":
    print("unable to start", flush=True)
    time.sleep(60)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()[0].close()
"""


class Listener(Server):
    """The smallest server there is."""

    name = "listener"
    failure = "unable to start"
    how = "well"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.port = free_port()
        self.firsts = 0

    def command(self) -> list[str]:
        # Reads our pipe in place of its own input, so that it lingers where it fails.
        return [
            sys.executable,
            "-c",
            LISTENER.replace("input()", "socket.socketpair()[0].recv(1)"),
            str(self.port),
            self.how,
        ]

    def is_ready(self) -> bool:
        return listens(self.port)

    def first_started(self) -> None:
        self.firsts += 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(tmp_path / "home")
    yield made
    made.kill()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_no_port_is_given_twice() -> None:
    """A server may be slow to take its own, and is down between two starts."""
    assert len({free_port() for _ in range(500)}) == 500


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_server_is_started_again_where_it_was(server: Listener, end: str) -> None:
    server.start()
    server.start()
    pid = server.pid
    assert listens(server.port)
    getattr(server, end)()
    assert not server.is_running()
    assert not alive(pid)
    assert not listens(server.port)
    server.start()
    assert listens(server.port)
    assert server.firsts == 1
    assert server.log.read_text().count("hello") == 2


def test_server_that_fails_is_ended_and_its_log_told(server: Listener) -> None:
    server.how = "fails"
    with pytest.raises(Failed, match="unable to start"):
        server.start()
    assert not alive(server.pid)
    server.how = "well"
    server.start()


def test_server_that_ends_by_itself_is_told(server: Listener) -> None:
    server.port = -1
    with pytest.raises(Failed, match="OverflowError"):
        server.start()


def test_no_server_outlives_who_started_it(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.servers.test_process import Listener\n"
        "server = Listener(Path(sys.argv[1])); server.start(); print(server.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "home")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        assert alive(pid)
        os.kill(run.pid, signal.SIGKILL)
        until(lambda: not alive(pid))


class Missing(Listener):
    name = "missing"

    def command(self) -> list[str]:
        raise NotHere("nobody has it")


@pytest.mark.parametrize(("required", "raised"), [("", pytest.skip.Exception), ("missing", pytest.fail.Exception)])
def test_server_that_cannot_run_here_is_skipped_or_red(
    monkeypatch: pytest.MonkeyPatch, required: str, raised: type[BaseException]
) -> None:
    monkeypatch.setenv("HEADWATER_REQUIRE", required)
    with pytest.raises(raised, match="no missing here: nobody has it"):
        next(fixtures.running(Missing))
