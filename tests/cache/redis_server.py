"""A real Redis of our own, on a free port and a unix socket, over a folder of its own."""

import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis

from tests.servers.process import HOST, NotHere, Server, free_port

PATIENT = "socket_timeout=60&socket_connect_timeout=60"
"""For a machine that does much else: the store itself is to be tested here, not its haste."""


class RedisServer(Server):
    """Keeps nothing by itself; `SAVE` writes its dump, and a start reads it. Options can be added to `url` after a `&`."""

    name = "redis"

    def __init__(self, home: Path, *options: str) -> None:
        super().__init__(home)
        self.port = free_port()
        self._options = options

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0?{PATIENT}"

    @property
    def dump(self) -> Path:
        return self.home / "dump.rdb"

    def command(self) -> list[str]:
        program = shutil.which("redis-server")
        if program is None:
            raise NotHere("install redis-server")
        said = {"port": self.port, "bind": HOST, "dir": self.home, "save": "", "unixsocket": self.home / "redis.sock"}
        return [program, *(str(part) for key, value in said.items() for part in (f"--{key}", value)), *self._options]

    def is_ready(self) -> bool:
        with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        return False

    def client(self) -> Any:
        """To do to it what happens to it."""
        return redis.Redis(port=self.port, socket_timeout=60)

    def do(self, action: Callable[[Any], object]) -> None:
        client = self.client()
        try:
            action(client)
        finally:
            client.close()


class SentinelServer(Server):
    """Watches a Redis, alone: enough to tell where it is."""

    name = "redis"

    def __init__(self, home: Path, master: RedisServer) -> None:
        super().__init__(home)
        self.port = free_port()
        self.master = master

    def command(self) -> list[str]:
        program = shutil.which("redis-server")
        if program is None:
            raise NotHere("install redis-server")
        configuration = self.home / "sentinel.conf"
        configuration.write_text(f"port {self.port}\nbind {HOST}\nsentinel monitor lineage {HOST} {self.master.port} 1\n")
        return [program, str(configuration), "--sentinel"]

    def is_ready(self) -> bool:
        with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        return False
