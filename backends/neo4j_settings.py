"""What the URL of a Neo4j store says, and the environment where it is silent."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from backends.errors import Misconfigured

SCHEMES: Final = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
VARIABLES: Final = {
    "user": "HEADWATER_NEO4J_USER",
    "password": "HEADWATER_NEO4J_PASSWORD",
    "database": "HEADWATER_NEO4J_DATABASE",
    "ca": "HEADWATER_NEO4J_CA",
}
"""Read where the URL does not say it: secrets are better kept out of URLs."""
KNOWN: Final = "database, ca, index, snapshots, mapping, timeout, queue, keep and connections"


@dataclass(frozen=True, slots=True)
class Settings:
    """`neo4j://user:password@host:7687?database=lineage`; `neo4j` finds the members of a cluster, `bolt` asks one server;
    `+s` encrypts and checks the certificate, `+ssc` takes any. After a `?`, joined by `&`:

    | setting | default | meaning |
    | --- | --- | --- |
    | `database` | the user's home | the database of that server |
    | `ca` | those of the system | a file of certificates to trust, with `+s` |
    | `index` | `off` | `on` keeps the topology in memory and traverses there |
    | `snapshots` | none | a folder for the index between runs: without it the index is read from the store at each start |
    | `mapping` | none | a TOML file that says how a graph of others is lineage; it is then only read |
    | `timeout` | 30 | seconds a call may take, waiting for a connection or a lock included |
    | `queue` | 1000 | writes that may wait; more of them wait in front of it |
    | `keep` | 1000000 | rows of the topology log to keep at least; what is older is trimmed in the background |
    | `connections` | 40 | connections to a server at most |
    """

    url: str
    user: str | None
    password: str | None = field(repr=False)
    database: str | None = None
    ca: Path | None = None
    encrypted: bool = False
    index: bool = False
    snapshots: Path | None = None
    mapping: Path | None = None
    timeout: float = 30.0
    queue: int = 1000
    keep: int = 1_000_000
    connections: int = 40

    @classmethod
    def parse(cls, url: str, environ: Mapping[str, str] = os.environ) -> Self:
        """Raises `Misconfigured`; its message never holds what the URL says."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
            parts = urlsplit("")
        scheme = parts.scheme.lower()
        if not host or scheme not in SCHEMES or parts.path not in ("", "/") or parts.fragment:
            raise Misconfigured("a Neo4j store is neo4j://user:password@host:7687?database=name, or bolt:// for one server")
        said = dict(parse_qsl(parts.query, keep_blank_values=True))
        given = {name: environ.get(variable) or None for name, variable in VARIABLES.items()}
        ca = said.pop("ca", given["ca"])
        base, _, security = scheme.partition("+")
        if ca and security == "ssc":
            raise Misconfigured("+ssc takes any certificate, so ca has no use there: say +s")
        try:
            made = cls(
                # The driver takes certificates of one's own with a plain scheme only, and is told to encrypt by a flag.
                url=f"{base if ca else scheme}://{f'[{host}]' if ':' in host else host}:{port or 7687}",
                user=unquote(parts.username) if parts.username else given["user"],
                password=unquote(parts.password) if parts.password is not None else given["password"],
                database=said.pop("database", given["database"]) or None,
                ca=Path(ca) if ca else None,
                encrypted=bool(ca),
                index={"on": True, "off": False}[said.pop("index", "off")],
                snapshots=Path(folder) if (folder := said.pop("snapshots", "")) else None,
                mapping=Path(file) if (file := said.pop("mapping", "")) else None,
                timeout=float(said.pop("timeout", 30.0)),
                queue=int(said.pop("queue", 1000)),
                keep=int(said.pop("keep", 1_000_000)),
                connections=int(said.pop("connections", 40)),
            )
        except (KeyError, ValueError):
            raise Misconfigured(
                "index is on or off, timeout is in seconds, queue, keep and connections are whole numbers"
            ) from None
        if said:
            raise Misconfigured(f"unknown setting {', '.join(sorted(said))}; known are {KNOWN}")
        if not (0 < made.timeout < 1e6 and made.queue > 0 and made.keep > 0 and made.connections > 0):
            raise Misconfigured("timeout, queue, keep and connections are greater than 0")
        if made.mapping is not None and (made.index or made.snapshots is not None):
            raise Misconfigured("a graph read through a mapping is kept in memory as it is: leave out index and snapshots")
        if made.user is None and made.password is not None:
            raise Misconfigured("a password needs a user: in the URL, or HEADWATER_NEO4J_USER")
        if made.ca is not None and not made.ca.is_file():
            raise Misconfigured("ca, or HEADWATER_NEO4J_CA, is no file that can be read")
        return made
