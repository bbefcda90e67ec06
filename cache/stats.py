"""What a cache tells of itself: plain numbers, for whoever serves metrics."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

REASONS: Final = ("absent", "changed", "unknown", "open", "names")
"""Why an answer that was asked for had to be computed: there was none; too much of it had changed; where it stands in the
log cannot be told (too old, or of another history); a change that touches it is announced and not done; a node of it is
known to nobody here by name."""


@dataclass(slots=True)
class Stats:
    """Counts since the start. `hits` are answers proved current as they were, `repairs` those carried over changes, `misses`
    those computed, by reason; each question that may be cached is one of the three. `stored` are hits and repairs of what
    the byte store had. `torn` are computations done again because the graph changed beneath them, `foreign` values of the
    byte store that are no answer of this graph's."""

    hits: int = 0
    repairs: int = 0
    misses: Counter[str] = field(default_factory=Counter)
    bypasses: int = 0
    stored: int = 0
    torn: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """How things stand: answers ready in memory and their bytes, bytes of packed ones there, those ready that are views,
    whether the byte store is out of use and how often it was, rows of the log that the last read of it brought and seconds
    since then."""

    entries: int
    nbytes: int
    packed_bytes: int
    views: int
    view_bytes: int
    store_is_out: bool
    store_trips: int
    store_failures: int
    lag_rows: int
    lag_seconds: float
    histories: int
