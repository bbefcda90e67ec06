"""A server of our own: started, waited for, stopped by the id of its process, killed, started again over what it kept."""

import os
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import ClassVar

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"


class NotHere(Exception):
    """This machine lacks what the server needs; the message says what."""


class Failed(Exception):
    """The server did not start, or not in time; the message has the end of its log."""


class Server(ABC):
    """One server over `home`, a folder of its own. Ports are chosen once, so that a restart is found where it was."""

    name: ClassVar[str]
    """As HEADWATER_REQUIRE names it."""
    patience: ClassVar[float] = 300
    """Seconds to be ready within, on a busy machine."""
    failure: ClassVar[str] = ""
    """A line of the log that says that it failed, for one that lingers on all the same."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home / "server.log"
        self._leash: subprocess.Popen[str] | None = None
        self.pid = 0

    @abstractmethod
    def command(self) -> list[str]:
        """Writes the configuration under `home`; how the server is started. Raises `NotHere`."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers; asked again and again while it starts."""

    def first_started(self) -> None:  # noqa: B027 (most have nothing to do)
        """Called once, when it is ready for the first time: passwords and the like."""

    def is_running(self) -> bool:
        return self._leash is not None and self._leash.poll() is None

    def start(self) -> None:
        """Returns once it is ready; does nothing while it runs. Raises `NotHere`, `Failed`."""
        if self.is_running():
            return
        first = not self.home.exists()
        self.home.mkdir(parents=True, exist_ok=True)
        command = self.command()
        # The log is read from here on, so that a failure of an earlier start is not taken for one of this.
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("a") as log:
            self._leash = subprocess.Popen(
                [sys.executable, "-m", "tests.servers.leash", *command],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._leash.stdout is not None
        self.pid = int(self._leash.stdout.readline())
        deadline = time.monotonic() + self.patience
        while not self.is_ready():
            said = self.log.read_text(errors="replace")[begin:]
            lingers = bool(self.failure) and self.failure in said
            if not self.is_running() or lingers or time.monotonic() > deadline:
                self.kill()
                raise Failed(f"{self.name} did not start:\n{said[-4000:]}")
            time.sleep(0.1)
        if first:
            self.first_started()

    def stop(self) -> None:
        """Asks it to end and waits; past 30 seconds it is killed. Does nothing where it has ended."""
        if self._leash is not None:
            self._signal(signal.SIGTERM)
            try:
                self._leash.wait(30)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
            self._ended()

    def kill(self) -> None:
        """Ends it at once, as a lost machine would; nothing is written any more."""
        if self._leash is not None:
            self._signal(signal.SIGKILL)
            self._ended()

    def freeze(self) -> None:
        """Makes it hang; returns once all its threads stand still, which on a busy machine is a while after the signal."""
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + self.patience
        while not all(map(_stands_still, Path(f"/proc/{self.pid}/task").glob("*/stat"))):
            if time.monotonic() > deadline:
                raise Failed(f"{self.name} cannot be stopped")
            time.sleep(0.01)

    def thaw(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _ended(self) -> None:
        assert self._leash is not None
        self._leash.communicate()
        self._leash = None


def _stands_still(stat: Path) -> bool:
    """Whether a thread is stopped, by its line of /proc, or has ended."""
    with suppress(OSError):
        return stat.read_text().rpartition(")")[2].split()[0] in "TtZX"
    return True


_GIVEN: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on just now, and never the same twice. It is none of those that systems give to
    connections by themselves, or one could take it before the server does, or while the server is down."""
    while True:
        port = SystemRandom().randrange(15_000, 32_000)  # not the chance that tests seed: others may run beside us
        with suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port


def listens(port: int) -> bool:
    """Whether a connection to the port is taken."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False
