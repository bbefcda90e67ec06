"""Folding the pictures of sealed runs into one relation a job, so that a job stays bounded however long it runs.

A run is sealed when nothing of it has arrived for a week (a setting): then its picture will not change any more. Once a
job has many pictures, those whose runs are all sealed are folded into the `base` of its state, as plain JSON:

    ends     [[inputs, outputs]]  what completed runs covered, only the widest of them
    outputs  {output: counts}     pairs {output: {source: [counts, confidence, steps]}}
    idle     {input: counts}      fields [[output, field, source, field, steps, counts]]

with names as said and counts [runs, first, last, last run]. Nothing that people see changes by it.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from backends.model import Json
from ingest.columns import united
from ingest.picture import Picture, relation

WEEK = 7 * 86_400_000_000
FOLD_AT = 64
"""How many pictures a job may have before those of sealed runs are folded."""

Counts: TypeAlias = list[Json]
Base: TypeAlias = Mapping[str, Json]


def folded(base: Base | None, content: Picture, counts: Mapping[str, Json]) -> dict[str, Json]:
    """The base with one more picture of completed runs in it."""
    base = base or {}
    mine: Counts = [counts["runs"], counts["first"], counts["last"], counts.get("last_run")]
    said = relation(content)
    outputs, idle = dict(base.get("outputs", {})), dict(base.get("idle", {}))
    pairs = {output: dict(sources) for output, sources in base.get("pairs", {}).items()}
    fields = {tuple(row[:4]): row[4:] for row in base.get("fields", ())}
    for output, claims in said.outputs.items():
        outputs[output] = added(outputs.get(output), mine)
        for source, claim in claims.items():
            old, sure, steps = pairs.setdefault(output, {}).get(source, (None, claim.confidence, []))
            pairs[output][source] = [added(old, mine), max(sure, claim.confidence), united(steps, claim.steps)]
    for source in said.idle:
        idle[source] = added(idle.get(source), mine)
    for (output, name), sources in said.fields.items():
        for (source, field), steps in sources.items():
            before, old = fields.get((output, name, source, field), ([], None))
            fields[output, name, source, field] = [united(before, steps), added(old, mine)]
    return {
        "ends": _widest([*base.get("ends", ()), [content["in"], content["out"]]]),
        "outputs": outputs,
        "pairs": pairs,
        "idle": idle,
        "fields": [[*key, *row] for key, row in sorted(fields.items())],
    }


def added(one: Counts | None, two: Counts) -> Counts:
    """The counts of both together."""
    if one is None:
        return two
    newest = max((one[2], one[3] or ""), (two[2], two[3] or ""))
    return [one[0] + two[0], min(one[1], two[1]), max(one[2], two[2]), newest[1] or None]


def names(base: Base) -> set[str]:
    """Every dataset in a base."""
    found = {*base["outputs"], *base["idle"], *(source for sources in base["pairs"].values() for source in sources)}
    return found | {name for ins, outs in base["ends"] for name in (*ins, *outs)}


def _widest(ends: Iterable[Json]) -> list[Json]:
    """Without those that another one covers."""
    kept: list[tuple[set[str], set[str]]] = []
    for ins, outs in sorted(((set(i), set(o)) for i, o in ends), key=lambda both: -len(both[0]) - len(both[1])):
        if not any(ins <= wide_in and outs <= wide_out for wide_in, wide_out in kept):
            kept.append((ins, outs))
    return [[sorted(ins), sorted(outs)] for ins, outs in kept]
