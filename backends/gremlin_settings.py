"""What the URL of a Gremlin store says: the server, the traversal source, and how to use them."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from backends.errors import Misconfigured

PORT: Final = 8182
SHAPE: Final = "a Gremlin store is gremlin://[user:password@]host[:port]/g, or gremlins:// by TLS"


class Dialect(StrEnum):
    """Which server it is. A plain TinkerPop server has no rollback: one writer, and requests one after the other."""

    JANUSGRAPH = "janusgraph"
    TINKERPOP = "tinkerpop"


@dataclass(frozen=True, slots=True)
class Settings:
    """`gremlin://user:password@host:8182/g` (`gremlins:` by TLS), and after a `?`, joined by `&`:

    | setting | default | meaning |
    | --- | --- | --- |
    | `dialect` | `janusgraph` | or `tinkerpop`, a plain Gremlin Server: one writer |
    | `index` | `off` | `on` traverses in memory, kept current from the log |
    | `snapshot` | | a folder in which the index is kept between runs; without it the index is made by a scan |
    | `pool` | 4 | connections; a plain TinkerPop server is asked over one |
    | `timeout` | 10 | seconds within which a call is answered |
    | `lease` | 8 | seconds after which a writer that was not heard of is taken for dead; alike in all replicas |
    | `frame` | 1048576 | bytes of a request; the server's `maxContentLength` must allow it |
    | `keep` | 1000000 | rows of the topology log to keep at least |
    | `ca` | | a file with the certificates that are trusted in place of the system's (`gremlins:` only) |
    """

    host: str
    port: int
    source: str
    user: str
    password: str = field(repr=False)
    tls: bool
    dialect: Dialect
    index: bool
    snapshot: Path | None
    pool: int
    timeout: float
    lease: float
    frame: int
    keep: int
    ca: Path | None

    @property
    def address(self) -> str:
        """Where the server listens for WebSockets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.tls else 'ws'}://{host}:{self.port}/gremlin"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `Misconfigured` and says what a URL may look like."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or PORT
        except ValueError:
            raise Misconfigured(SHAPE) from None
        source = unquote(parts.path).strip("/")
        if not host or not source.isidentifier() or (parts.username and not parts.password):
            raise Misconfigured(SHAPE)
        said = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            made = cls(
                host=host,
                port=port,
                source=source,
                user=unquote(parts.username or ""),
                password=unquote(parts.password or ""),
                tls=parts.scheme.lower() == "gremlins",
                dialect=Dialect(said.pop("dialect", "janusgraph")),
                index={"on": True, "off": False}[said.pop("index", "off")],
                snapshot=_path(said.pop("snapshot", "")),
                pool=int(said.pop("pool", 4)),
                timeout=float(said.pop("timeout", 10.0)),
                lease=float(said.pop("lease", 8.0)),
                frame=int(said.pop("frame", 2**20)),
                keep=int(said.pop("keep", 1_000_000)),
                ca=_path(said.pop("ca", "")),
            )
        except (KeyError, ValueError):
            wanted = "dialect is janusgraph or tinkerpop, index on or off, timeout and lease seconds"
            raise Misconfigured(f"{wanted}, pool, frame and keep whole numbers") from None
        if said:
            known = "dialect, index, snapshot, pool, timeout, lease, frame, keep and ca"
            raise Misconfigured(f"unknown setting {', '.join(sorted(said))}; known are {known}")
        if not (0 < made.timeout < 1e6 and 0.1 <= made.lease < 1e6 and made.pool > 0 and made.keep > 0):
            raise Misconfigured("timeout, pool and keep are greater than 0, lease is 0.1 or more")
        if made.dialect is Dialect.TINKERPOP:  # without rollback nor isolation, requests must follow one another
            made = replace(made, pool=1)
        if made.frame < 2**14:
            raise Misconfigured("frame is 16384 or more")
        if made.ca is not None and not made.tls:
            raise Misconfigured("ca is for gremlins:// alone")
        return made


def _path(text: str) -> Path | None:
    if "\0" in text:
        raise ValueError("no path")
    return Path(text) if text else None
