"""What can be set, read once from the environment. Every field is a variable: `max_events` is HEADWATER_MAX_EVENTS."""

import difflib
import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

PREFIX = "HEADWATER_"
NOT_OURS = frozenset(
    {
        "HEADWATER_CASES",
        "HEADWATER_REQUIRE",
        "HEADWATER_NEO4J_USER",
        "HEADWATER_NEO4J_PASSWORD",
        "HEADWATER_NEO4J_DATABASE",
        "HEADWATER_NEO4J_CA",
    }
)
"""Read by the tests and CI, or by an adapter for what a URL should not hold."""
MEBI = 1 << 20
LEAST_CLIENT_COST = 100_000
"""More than reading the longest document costs."""
REDIS = ("redis://", "rediss://", "unix://", "redis+", "rediss+")
"""How URLs of a Redis begin; `cache.redis` reads the rest."""


ORIGIN = re.compile(r"https?://[^/\s?#@]+/?")


class BadSetting(ValueError):
    """A variable holds what cannot work; the message names the variable and what it takes."""


def _setting(default: Any, doc: str, *, least: float | None = None, most: float | None = None, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"doc": doc, "least": least, "most": most, "secret": secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One value a variable. `from_environment` reads and checks them; `headwater settings` prints them."""

    backend: str = _setting(
        "sqlite:///headwater.db",
        "Where lineage is kept, as a URL: `sqlite:///file.db` (four slashes for an absolute path), `neo4j://`, `bolt://`, "
        "`gremlin://` or `memory://`.",
    )
    cache: str = _setting(
        "memory://",
        "Where computed answers are remembered: `memory://` in this process, `redis://host:6379/0` (also `rediss://`, "
        "`redis+cluster://`, `redis+sentinel://host:26379/service`) in a Redis that replicas share, `off` nowhere.",
    )
    cache_bytes: int = _setting(
        256 * MEBI,
        "The memory that remembered answers may take in this process; where the store has no index in memory, their ids "
        "may take as much again.",
        least=MEBI,
    )
    cache_name: str = _setting(
        "default", "The name of the graph in a Redis that keeps answers of several; replicas of one graph say the same."
    )
    cache_key: str | None = _setting(
        None,
        "A secret that replicas share: what others write to their Redis is then told from their own. Unset: whoever may "
        "write there is trusted.",
        secret=True,
    )
    cache_seconds: float = _setting(
        0.05, "How long a question waits for Redis; a slower one is left alone until it is quick again.", least=0.001, most=5
    )
    host: str = _setting("127.0.0.1", "The address to listen on. Beyond loopback a token must be set.")
    port: int = _setting(8000, "The port to listen on; 0 takes any free one.", least=0, most=65535)
    token: str | None = _setting(
        None,
        "The key every route but health asks for as `Authorization: Bearer`. Unset: no key, loopback only.",
        secret=True,
    )
    demo: bool = _setting(
        False,
        "Load the demo into an empty store at the start. `make run` sets 1; `HEADWATER_DEMO=0 make run` leaves it out.",
    )
    log_level: str = _setting("info", "How much to log: debug, info, warning or error. Logs are JSON lines on stderr.")
    traces: str | None = _setting(
        None,
        "Where spans are sent: an OpenTelemetry collector that takes OTLP over HTTP, as http://127.0.0.1:4318. It needs "
        "requirements-otel.txt; unset: none are made.",
    )
    operation_names: int = _setting(
        100,
        "How many names of GraphQL operations metrics tell apart, the first that come; further ones count as `other`. With "
        "HEADWATER_DOCUMENTS_FILE only the names in it.",
        least=0,
        most=10_000,
    )
    max_event_bytes: int = _setting(16 * MEBI, "The largest body of one event over HTTP, unpacked.", least=1024)
    max_batch_bytes: int = _setting(64 * MEBI, "The largest body of a batch of events, unpacked.", least=1024)
    max_batch_events: int = _setting(10_000, "The most events one batch may hold.", least=1)
    ingest_concurrency: int = _setting(
        64, "How many events of one batch or one file are worked on at a time.", least=1, most=1024
    )
    max_pending_events: int = _setting(
        1024, "How many posted events may wait to be stored; beyond that the answer is 503 with Retry-After.", least=1
    )
    max_query_bytes: int = _setting(
        MEBI, "The largest body of a GraphQL request, variables included, and the largest head of any request.", least=1024
    )
    documents: str = _setting(
        "off",
        "Which GraphQL documents run: `off` all, `observe` all, but those that are none of HEADWATER_DOCUMENTS_FILE are "
        "counted and logged, `enforce` only those of the file.",
    )
    documents_file: str | None = _setting(
        None, "A manifest of documents and their ids, as Relay, GraphQL Code Generator or Apollo write it."
    )
    persisted_bytes: int = _setting(
        4 * MEBI,
        "The memory for documents that clients send once and then name by their hash; what was asked for longest ago goes.",
        least=1024,
    )
    status_codes: str = _setting(
        "audit",
        "The HTTP statuses of GraphQL: `audit` as its authors' audit has them, `draft-2026` with 422 for what cannot be run "
        "and 294 for data with errors.",
    )
    graphiql: bool = _setting(
        True, "Whether browsers that open /graphql get GraphiQL, a page to ask from; `make graphiql` builds it."
    )
    max_nodes: int = _setting(200_000, "The most nodes one traversal visits; past it an answer is cut and says so.", least=1)
    max_cost: int = _setting(
        60_000,
        "What one GraphQL operation may cost, known before it is run: docs/graphql.md says how. More is TOO_COSTLY; "
        "0 takes anything.",
        least=0,
    )
    client_cost: int = _setting(
        1_000_000,
        "What one client, that is an address, may spend on GraphQL at once; then it is told 429 THROTTLED with Retry-After. "
        "0 for no bound, as behind a proxy, where all have its address.",
        least=0,
    )
    client_cost_per_second: int = _setting(50_000, "How much of that comes back in a second.", least=1)
    query_seconds: float = _setting(30.0, "How long one GraphQL operation may take; then its answer is TIMEOUT.", least=0.01)
    body_seconds: float = _setting(
        30.0,
        "How long a request's body may take to arrive; then the answer is 408. So long may its head take; then the "
        "connection is closed.",
        least=0.01,
    )
    max_requests: int = _setting(
        512, "How many requests are answered at a time; beyond that the answer is 503 with Retry-After.", least=1
    )
    live_seconds: float = _setting(
        0.05,
        "How long it may be until a subscription sees what another process wrote: so often the log is read while anyone "
        "subscribes.",
        least=0.005,
        most=60,
    )
    max_streams: int = _setting(
        2_000, "How many WebSockets and event streams are open at a time; beyond that the answer is 503.", least=1
    )
    max_subscriptions: int = _setting(
        10_000, "How many subscriptions are open at a time; beyond that they are UNAVAILABLE.", least=1
    )
    max_socket_operations: int = _setting(100, "How many operations are under way on one WebSocket.", least=1)
    max_followed: int = _setting(
        1_000_000,
        "How many nodes and edges all subscriptions together follow, some 600 bytes each; one may follow a tenth of it.",
        least=10,
    )
    max_queued: int = _setting(
        10_000,
        "How many nodes and edges of deltas wait for one reader; a slower one is told TOO_SLOW and cut.",
        least=1,
    )
    max_resume_rows: int = _setting(
        20_000, "How many changes of the graph are taken back for a subscription that goes on from an epoch.", least=1
    )
    stream_seconds: float = _setting(
        30.0,
        "How long one message to a WebSocket or an event stream may wait to be taken, or a ping for its answer; then it is "
        "cut.",
        least=0.01,
        most=600,
    )
    origins: str | None = _setting(
        None,
        "The origins of pages, beside our own, that may ask from a browser, over HTTP and WebSockets: "
        "`https://catalog.example.org`, several with commas; `*` is any, and needs HEADWATER_TOKEN.",
    )
    seal_runs_days: int = _setting(
        7,
        "How long after its last event arrived a run is sealed: what it said may be folded then, its row age out.",
        least=1,
        most=10_000,
    )
    keep_runs_days: int = _setting(
        400,
        "How long sealed runs are listed, counted from their first event; what they said of lineage stays.",
        least=1,
        most=10_000,
    )
    drain_seconds: float = _setting(
        0.0, "How long to go on serving after SIGTERM while /readyz says 503, for load balancers.", least=0, most=600
    )
    shutdown_seconds: int = _setting(20, "How long requests under way may take to finish at the end.", least=0, most=600)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], **overrides: Any) -> "Settings":
        """The settings of an environment; `overrides` (from the command line) come first where they are not None.

        Raises `BadSetting`. An empty variable counts as unset."""
        texts = {f: str(given) for f in fields_of() if (given := overrides.get(f.name)) is not None}
        texts |= {f: text for f in fields_of() if f not in texts and (text := environ.get(variable(f)))}
        settings = cls(**{f.name: _read(f, text) for f, text in texts.items()})
        settings.check()
        return settings

    @property
    def allowed_origins(self) -> frozenset[str]:
        """What HEADWATER_ORIGINS names, as browsers write it; `*` is any."""
        return frozenset(_as_sent(each.strip()) for each in (self.origins or "").split(",") if each.strip())

    def check(self) -> None:
        """Raises `BadSetting` where values cannot work together or alone."""
        if self.token is not None and not all("!" <= char <= "~" for char in self.token):
            raise BadSetting("HEADWATER_TOKEN may hold visible ASCII characters only, and no spaces")
        if self.cache not in ("memory://", "off") and not self.cache.startswith(REDIS):
            # what was said may hold a password
            raise BadSetting("HEADWATER_CACHE takes memory://, off, or the URL of a Redis: redis://, rediss://, unix://")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise BadSetting(f"HEADWATER_LOG_LEVEL takes debug, info, warning or error, not {self.log_level!r}")
        if self.documents not in ("off", "observe", "enforce"):
            raise BadSetting(f"HEADWATER_DOCUMENTS takes off, observe or enforce, not {self.documents!r}")
        if self.documents != "off" and self.documents_file is None:
            raise BadSetting(f"HEADWATER_DOCUMENTS={self.documents} needs HEADWATER_DOCUMENTS_FILE: the documents meant")
        if self.status_codes not in ("audit", "draft-2026"):
            raise BadSetting(f"HEADWATER_STATUS_CODES takes audit or draft-2026, not {self.status_codes!r}")
        if 0 < self.client_cost < max(self.max_cost, LEAST_CLIENT_COST):
            raise BadSetting(
                f"HEADWATER_CLIENT_COST takes 0, or at least {LEAST_CLIENT_COST:,} and HEADWATER_MAX_COST: with less "
                "some requests could never be paid for"
            )
        if self.traces is not None and not self.traces.startswith(("http://", "https://")):
            raise BadSetting("HEADWATER_TRACES takes the URL of a collector, as http://127.0.0.1:4318")
        for origin in filter(None, map(str.strip, (self.origins or "").split(","))):
            if origin != "*" and not ORIGIN.fullmatch(origin):
                raise BadSetting(
                    f"HEADWATER_ORIGINS takes origins such as https://catalog.example.org, not {origin[:100]!r}"
                )
        if "*" in self.allowed_origins and self.token is None:
            raise BadSetting(
                "HEADWATER_ORIGINS=* needs HEADWATER_TOKEN: without it any page that is open in a browser here could read "
                "and write; name the origins that may"
            )
        if "://" not in self.backend:
            raise BadSetting(f"HEADWATER_BACKEND takes a URL such as sqlite:///headwater.db, not {self.backend!r}")

    def check_exposure(self) -> None:
        """Raises `BadSetting` where the service would listen beyond loopback without a token."""
        if self.token is None and not is_loopback(self.host):
            raise BadSetting(
                f"{self.host} can be reached from other machines: set HEADWATER_TOKEN to a secret that clients send as "
                "'Authorization: Bearer', or listen on 127.0.0.1"
            )


def _as_sent(origin: str) -> str:
    """An origin in lower case, without the port that goes without saying."""
    plain = origin.rstrip("/").lower()
    return plain.removesuffix(":443" if plain.startswith("https:") else ":80")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address. Names other than localhost are not asked of any resolver: False."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def fields_of() -> "tuple[Field[Any], ...]":
    """The fields of `Settings`, in the order they are shown."""
    return fields(Settings)


def variable(setting: "Field[Any]") -> str:
    """The environment variable of a field."""
    return PREFIX + setting.name.upper()


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Variables that begin like ours but are none, each with the one probably meant."""
    known = {variable(f) for f in fields_of()}
    ours = (name for name in environ if name.startswith(PREFIX) and name not in known | NOT_OURS)
    return {name: next(iter(difflib.get_close_matches(name, known, 1)), None) for name in sorted(ours)}


def table() -> str:
    """All settings as a Markdown table, for the README."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for f in fields_of():
        default = "unset" if f.default is None else f"`{int(f.default) if isinstance(f.default, bool) else f.default}`"
        lines.append(f"| `{variable(f)}` | {default} | {f.metadata['doc']} |")
    return "\n".join(lines)


def _read(setting: "Field[Any]", text: str) -> Any:
    """The value of one variable. Raises `BadSetting`."""
    name = variable(setting)
    if setting.type in (bool, "bool"):
        words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
        if text.lower() not in words:
            raise BadSetting(f"{name} takes 1 or 0, not {text!r}")
        return words[text.lower()]
    if setting.type in (int, float):
        return _number(setting, name, text)
    return text


def _number(setting: "Field[Any]", name: str, text: str) -> float:
    least, most = setting.metadata["least"], setting.metadata["most"]
    bounds = f"from {least}" + ("" if most is None else f" to {most}")
    whole = setting.type is int
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = math.nan
    # NaN fails every comparison, so it is refused as well.
    if not (value >= least and (most is None or value <= most) and value < math.inf):
        raise BadSetting(f"{name} takes a {'whole ' if whole else ''}number {bounds}, not {text[:40]!r}")
    return value
