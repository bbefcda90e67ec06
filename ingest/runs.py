"""The record of a run: everything its events said, in whatever order they came. Pure.

Beside what `backends.vocabulary` lists, the record holds `times` (when each attribute was said) and for each job `parts`:
the accumulated `picture`, when it was `said_first` and `said_last`, the `marks` (time and type of its START and terminal
events), `first` and `last` (of all its events), the `tally` it is counted in and whether it is `done` (an attempt of it
completed). One run id under two jobs has two parts.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from backends.model import Json, Stamped
from backends.vocabulary import FACET, facet_name
from ingest.event import Event
from ingest.picture import Picture, merge, picture

Record: TypeAlias = Mapping[str, Json]

TERMINAL = ("FAIL", "ABORT", "COMPLETE")
"""Within one attempt the first of these that was seen is its state: Spark sends FAIL and then COMPLETE."""
MAX_MARKS = 256
"""How many START and terminal events of a run are kept, the latest; the state is that of the last attempt."""

Mark: TypeAlias = tuple[int, str]


def attempts(marks: Sequence[Sequence[Json]]) -> list[list[Mark]]:
    """The attempts of a run: by event time a START after a terminal event opens a new one. At one time a START is first."""
    ordered = sorted(((mark[0], mark[1]) for mark in marks), key=lambda m: (m[0], m[1] != "START", m[1]))
    found: list[list[Mark]] = [[]]
    for time, kind in ordered:
        if kind == "START" and any(k in TERMINAL for _, k in found[-1]):
            found.append([])
        found[-1].append((time, kind))
    return found


def state_of(attempt: Sequence[Mark]) -> str:
    """RUNNING, or how the attempt ended: FAIL beats ABORT beats COMPLETE."""
    kinds = {kind for _, kind in attempt}
    return next((kind for kind in TERMINAL if kind in kinds), "RUNNING")


def advanced(record: Record | None, event: Event) -> dict[str, Json]:
    """The record after one more event of the run. The part's `tally` and `done` are left for the caller to count."""
    job = event.job
    assert job is not None
    record = record or {}
    parts = {**record.get("parts", {}), job: _part(record.get("parts", {}).get(job), event)}
    values, times = _latest(record, event)
    return {**_shown(parts), **values, "times": times, "parts": parts}


def _part(part: Record | None, event: Event) -> dict[str, Json]:
    part = part or {"picture": None, "marks": [], "first": event.time, "last": event.time, "tally": None, "done": False}
    telling = event.type not in ("FAIL", "ABORT")
    said_first, said_last = part.get("said_first", event.time), part.get("said_last", event.time)
    said = picture(event.inputs or (), event.outputs or (), event.lineage or None, event.origin)
    shown: Picture | None = part.get("shown")
    marks = [list(mark) for mark in part["marks"]]
    if event.type in ("START", *TERMINAL) and [event.time, event.type] not in marks:
        marks = sorted([*marks, [event.time, event.type]])[-MAX_MARKS:]
    return {
        **part,
        # FAIL and ABORT add no edge: what they name is shown with the run and no more.
        "picture": merge(part["picture"], said) if telling else part["picture"],
        **({"said_first": min(said_first, event.time), "said_last": max(said_last, event.time)} if telling else {}),
        "shown": {
            "in": sorted({*(shown or said)["in"], *said["in"]}),
            "out": sorted({*(shown or said)["out"], *said["out"]}),
        },
        "marks": marks,
        "first": min(part["first"], event.time),
        "last": max(part["last"], event.time),
    }


def completed(part: Record) -> bool:
    """Whether an attempt of the part completed."""
    return any(state_of(attempt) == "COMPLETE" for attempt in attempts(part["marks"]))


def _shown(parts: Mapping[str, Record]) -> dict[str, Json]:
    """What people see of a run: of the job it was first seen under, with the inputs and outputs of all."""
    job = min(parts, key=lambda name: (parts[name]["first"], name))
    attempt = attempts(parts[job]["marks"])[-1]
    state = state_of(attempt)
    started = [time for time, kind in attempt if kind == "START"]
    ended = [time for time, kind in attempt if kind == state]
    return {
        "job": job,
        "state": state,
        "started": min(started) if started else None,
        "ended": max(ended) if state in TERMINAL else None,
        "inputs": sorted({name for part in parts.values() for name in part["shown"]["in"]}),
        "outputs": sorted({name for part in parts.values() for name in part["shown"]["out"]}),
        "first": min(part["first"] for part in parts.values()),
        "last": max(part["last"] for part in parts.values()),
    }


def _latest(record: Record, event: Event) -> tuple[dict[str, Json], dict[str, int]]:
    """The attributes and facets of the run, each as it was said last, and when."""
    said: dict[str, Json] = dict(event.run_attributes)
    if event.parent is not None:
        said |= {"parent": event.parent.run, "root": event.parent.root}
    times: dict[str, int] = dict(record.get("times", {}))
    facets: dict[str, Json] = dict(record.get("facets", {}))
    values = {key: record.get(key) for key in times if not key.startswith(FACET)}
    for key, value in said.items():
        facet = facet_name(key)
        old = facets.get(facet) if facet is not None else values.get(key)
        if Stamped(event.time, value).beats(Stamped(times[key], old) if key in times else None):
            times[key] = event.time
            if facet is None:
                values[key] = value
            elif value is None:
                facets.pop(facet, None)
            else:
                facets[facet] = value
    return {**values, "facets": dict(sorted(facets.items()))}, dict(sorted(times.items()))
