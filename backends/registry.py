"""One URL opens a backend. Adapters are named here as text and imported on first use; outsiders join by entry point."""

from importlib import import_module
from importlib.metadata import entry_points
from typing import NamedTuple

from backends.base import LineageBackend
from backends.errors import Misconfigured


class Adapter(NamedTuple):
    """Where an adapter's factory lives (`module:callable`, called with the URL) and what to say if its driver is missing."""

    factory: str
    hint: str


ADAPTERS = {
    "gremlin": Adapter("backends.gremlin:open_gremlin", "pip install gremlinpython==3.7.3"),
    "gremlins": Adapter("backends.gremlin:open_gremlin", "pip install gremlinpython==3.7.3"),
    "memory": Adapter("backends.memory:MemoryBackend", ""),
    "sqlite": Adapter("backends.sqlite:open_sqlite", "pip install apsw"),
    "neo4j": Adapter("backends.neo4j:open_neo4j", "pip install neo4j neo4j-rust-ext"),
    "neo4j+s": Adapter("backends.neo4j:open_neo4j", "pip install neo4j neo4j-rust-ext"),
    "neo4j+ssc": Adapter("backends.neo4j:open_neo4j", "pip install neo4j neo4j-rust-ext"),
    "bolt": Adapter("backends.neo4j:open_neo4j", "pip install neo4j neo4j-rust-ext"),
    "bolt+s": Adapter("backends.neo4j:open_neo4j", "pip install neo4j neo4j-rust-ext"),
    "bolt+ssc": Adapter("backends.neo4j:open_neo4j", "pip install neo4j neo4j-rust-ext"),
}
ENTRY_POINTS = "headwater.backends"


def open_backend(url: str) -> LineageBackend:
    """The backend behind a URL, not yet entered. Raises `Misconfigured` for an unknown scheme or a missing driver."""
    scheme = url.partition(":")[0].lower()  # not urlsplit, which raises at a stray bracket
    adapter = ADAPTERS.get(scheme)
    if adapter is None:
        found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        if scheme not in found:
            known = ", ".join(sorted({*ADAPTERS, *found}))
            raise Misconfigured(f"no backend for the scheme {scheme!r}; known are: {known}")
        adapter = Adapter(found[scheme].value, f"reinstall the package that provides {scheme}")
    module, _, factory = adapter.factory.partition(":")
    try:
        make = getattr(import_module(module), factory)
    except ImportError as error:
        raise Misconfigured(f"the backend {scheme} needs a driver: {adapter.hint}") from error
    backend: LineageBackend = make(url)
    return backend


def without_index(url: str) -> str:
    """The URL of the same store asked directly, for those who repair what an index could not be made of."""
    place, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("index=")]
    return f"{place}?{'&'.join(kept)}" if kept else place
