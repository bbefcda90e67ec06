"""What the URL of a SQLite store says: the file, and how to use it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from backends.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Settings:
    """`sqlite:///relative.db`, `sqlite:////absolute.db`, and after a `?`, joined by `&`:

    | setting | default | meaning |
    | --- | --- | --- |
    | `index` | `on` | `off` traverses in SQL: less memory, slower past a few hundred nodes |
    | `timeout` | 10 | seconds to wait: for the file while another process writes, for a place in the queue, for a read |
    | `queue` | 1000 | writes that may wait for the writer; more of them wait in front of it |
    | `keep` | 1000000 | rows of the topology log to keep at least; what is older is trimmed in the background |
    """

    path: Path
    index: bool
    timeout: float
    queue: int
    keep: int

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `Misconfigured` and says what a URL may look like."""
        parts = urlsplit(url)
        name = unquote(parts.path)[1:]
        if parts.netloc or not name or name.endswith("/") or ":memory:" in name or "\0" in name:
            raise Misconfigured(
                "a SQLite store is sqlite:///relative.db or sqlite:////absolute.db (memory:// keeps nothing)"
            )
        said = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            made = cls(
                path=Path(name),
                index={"on": True, "off": False}[said.pop("index", "on")],
                timeout=float(said.pop("timeout", 10.0)),
                queue=int(said.pop("queue", 1000)),
                keep=int(said.pop("keep", 1_000_000)),
            )
        except (KeyError, ValueError):
            raise Misconfigured("index is on or off, timeout is in seconds, queue and keep are whole numbers") from None
        if said:
            raise Misconfigured(f"unknown setting {', '.join(sorted(said))}; known are index, timeout, queue and keep")
        if not (0 < made.timeout < 1e6 and made.queue > 0 and made.keep > 0):
            raise Misconfigured("timeout, queue and keep are greater than 0")
        return made
