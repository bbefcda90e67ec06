"""Neo4j Community 5.26: the LTS line, on Java 17."""

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from neo4j import GraphDatabase

from tests.servers.jars import class_path, java
from tests.servers.process import HOST, Server, free_port

COORDINATES = ("org.neo4j.app:neo4j-server:5.26.30", "org.neo4j:neo4j:5.26.30")
PASSWORD = "not-a-secret"
HELLO = b"\x60\x60\xb0\x17" + b"\x00\x08\x08\x05" + b"\x00" * 12
"""Bolt's greeting: its magic number, then versions 5.0 to 5.8, and no others."""
CONFIGURATION = """
server.default_listen_address={host}
server.bolt.listen_address={host}:{port}
server.bolt.advertised_address={host}:{port}
server.http.enabled=false
server.https.enabled=false
dbms.security.auth_enabled=true
server.memory.pagecache.size=256m
dbms.usage_report.enabled=false
dbms.cypher.min_replan_interval=1h
"""
SECURED = """
server.bolt.tls_level=REQUIRED
dbms.ssl.policy.bolt.enabled=true
dbms.ssl.policy.bolt.base_directory={folder}
dbms.ssl.policy.bolt.private_key={key}
dbms.ssl.policy.bolt.public_certificate={certificate}
dbms.ssl.policy.bolt.client_auth=NONE
"""
LIGHT = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For a server that lives for minutes on a small machine: half of the work of the JVM would be to optimise itself."""
OPENED = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch")


class Neo4jServer(Server):
    """`url` has the user and the password. With `certificate`, a key and a certificate in one folder, it speaks TLS only."""

    name = "neo4j"
    heap = "1g"
    flags: Sequence[str] = LIGHT

    def __init__(self, home: Path, certificate: tuple[Path, Path] | None = None) -> None:
        super().__init__(home)
        self._certificate = certificate
        self.port = free_port()
        self.url = f"bolt://neo4j:{PASSWORD}@{HOST}:{self.port}"

    def command(self) -> list[str]:
        for folder in ("conf", "data", "logs", "plugins", "run", "import"):
            (self.home / folder).mkdir(exist_ok=True)
        said = CONFIGURATION.format(host=HOST, port=self.port)
        if self._certificate is not None:
            key, certificate = self._certificate
            said += SECURED.format(folder=key.parent, key=key.name, certificate=certificate.name)
        (self.home / "conf" / "neo4j.conf").write_text(said)
        return [
            java(),
            "-Xms256m",
            f"-Xmx{self.heap}",
            *self.flags,
            *(f"--add-opens={opened}=ALL-UNNAMED" for opened in OPENED),
            "-cp",
            class_path(*COORDINATES),
            "org.neo4j.server.CommunityEntryPoint",
            f"--home-dir={self.home}",
            f"--config-dir={self.home / 'conf'}",
        ]

    def is_ready(self) -> bool:
        """Bolt answers its greeting; the port opens after the databases have started."""
        with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1) as plain, self._spoken(plain) as bolt:
            bolt.sendall(HELLO)
            return len(bolt.recv(4)) == 4
        return False

    def _spoken(self, plain: socket.socket) -> socket.socket:
        if self._certificate is None:
            return plain
        context = ssl.create_default_context(cafile=str(self._certificate[1]))
        return context.wrap_socket(plain, server_hostname=HOST)

    def first_started(self) -> None:
        scheme = "bolt" if self._certificate is None else "bolt+ssc"
        with GraphDatabase.driver(f"{scheme}://{HOST}:{self.port}", auth=("neo4j", "neo4j")) as driver:
            statement = "ALTER CURRENT USER SET PASSWORD FROM 'neo4j' TO $password"
            driver.execute_query(statement, password=PASSWORD, database_="system")
