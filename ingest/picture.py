"""The picture of a run: what its events together say of a job's inputs and outputs, and what follows from it.

A picture is plain JSON with names as they were said:
`{"in": [id], "out": [id], "columns": {output: ColumnLineage}, "explicit": Explicit or null, "whole": bool, "origin": text}`.
`whole` says that a job's own lineage facet spoke, which is then the complete truth.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

from backends.model import Json, canonical
from ingest.columns import (
    WHOLE,
    ColumnLineage,
    Explicit,
    Sources,
    Transformations,
    merge_columns,
    merge_explicit,
    named,
)
from ingest.event import Said

Picture: TypeAlias = Mapping[str, Json]

INFERRED = 0.8
"""How sure a source is that only column lineage names."""


def picture(
    inputs: Iterable[Said], outputs: Iterable[Said], lineage: Explicit | None = None, origin: str = "run event"
) -> Picture:
    """The picture of one event (or declaration) alone."""
    ins, outs = list(inputs), list(outputs)
    columns: dict[str, ColumnLineage] = {}
    explicit: Explicit | None = None
    for said in outs:
        if said.columns:
            columns[said.id] = merge_columns(columns.get(said.id), said.columns)
    for said in (*outs, *ins):
        explicit = merge_explicit(explicit, said.lineage)
    return {
        "in": sorted({said.id for said in ins}),
        "out": sorted({said.id for said in outs}),
        "columns": dict(sorted(columns.items())),
        "explicit": merge_explicit(explicit, lineage),
        "whole": lineage is not None,
        "origin": origin,
    }


def merge(one: Picture | None, two: Picture) -> Picture:
    """The picture of both together; what runs accumulate by. Order does not matter, and twice equals once."""
    if one is None:
        return two
    columns = {
        output: merge_columns(one["columns"].get(output), two["columns"].get(output))
        for output in sorted({*one["columns"], *two["columns"]})
    }
    return {
        "in": sorted({*one["in"], *two["in"]}),
        "out": sorted({*one["out"], *two["out"]}),
        "columns": columns,
        "explicit": merge_explicit(one["explicit"], two["explicit"]),
        "whole": one["whole"] or two["whole"],
        "origin": min(one["origin"], two["origin"]),
    }


def fingerprint(content: Picture) -> str:
    """The hash a picture is known by: 16 hex digits of the SHA-256 of its canonical JSON."""
    return sha256(canonical(content).encode()).hexdigest()[:16]


@dataclass(slots=True)
class Claim:
    """That one dataset reaches another: how sure, and what was done to all of it (filters, joins, groupings)."""

    confidence: float = 1.0
    steps: Transformations = field(default_factory=list)


@dataclass(slots=True)
class Relation:
    """What a picture says: for each output its sources, for each output column (dataset, field) its source columns, and
    the inputs that reach no output."""

    outputs: dict[str, dict[str, Claim]] = field(default_factory=dict)
    fields: dict[tuple[str, str], dict[tuple[str, str], Transformations]] = field(default_factory=dict)
    idle: set[str] = field(default_factory=set)

    def names(self) -> set[str]:
        """Every dataset in it."""
        return {*self.outputs, *self.idle, *self.reaching()}

    def reaching(self) -> set[str]:
        """The inputs that reach an output. Outputs with the same sources share one dictionary, which is read once."""
        distinct = {id(claims): claims for claims in self.outputs.values()}
        return {source for claims in distinct.values() for source in claims}


def relation(content: Picture) -> Relation:
    """Which input reaches which output (design, section 3.1): the explicit facet, else column lineage and the inputs that
    no column lineage names, else all inputs."""
    inputs, explicit = set(content["in"]), content["explicit"] or {}
    result = Relation()
    targets = {target for target in explicit if target != WHOLE}
    spoken: dict[str, ColumnLineage] = {}
    claimed: set[str] = set()
    for output in sorted({*content["out"], *targets}):
        if output in targets or content["whole"]:
            spoken[output] = explicit.get(output, {})
        elif output in content["columns"]:
            spoken[output] = _without_bare(content["columns"][output], output, inputs)
            claimed |= named(spoken[output])
    everything = {source: Claim() for source in inputs}  # one for all outputs that have them, not one for each
    for output in sorted({*content["out"], *targets}):
        said = spoken.get(output)
        if said is None or (output not in targets and not content["whole"] and not named(said)):
            claims = everything
        else:
            sure = 1.0 if output in targets else INFERRED
            claims = {source: Claim(1.0 if source in inputs else sure) for source in named(said)}
            if output not in targets and not content["whole"]:
                claims |= {source: Claim() for source in inputs - claimed}
        if said:
            for source, fields in said.get("dataset", {}).items():
                claims[source].steps = _steps(fields)
            _relate_fields(result, output, said)
        result.outputs[output] = claims
    feeding = named(explicit.get(WHOLE, {}))
    result.idle = (inputs | feeding) - result.reaching()
    return result


def _without_bare(columns: ColumnLineage, output: str, inputs: set[str]) -> ColumnLineage:
    """Without the aliases of a query that an emitter took for datasets: sources that are no input of the run, in the same
    namespace as the output, with fewer dot-separated parts."""

    def keep(sources: Sources) -> Sources:
        return {source: said for source, said in sources.items() if source in inputs or not is_bare(source, output)}

    fields = {name: keep(sources) for name, sources in columns["fields"].items()}
    return {"fields": fields, "dataset": keep(columns["dataset"])}


def is_bare(source: str, output: str) -> bool:
    """Whether a source that is no input can only be an alias: the namespace of the output and fewer parts in its name."""
    namespace, _, name = source.partition("#")
    home, _, full = output.partition("#")
    return namespace == home and name.count(".") < full.count(".")


def _relate_fields(result: Relation, output: str, said: ColumnLineage) -> None:
    for name, sources in said.get("fields", {}).items():
        into = result.fields.setdefault((output, name), {})
        for source, fields in sources.items():
            into.update(((source, field_name), steps) for field_name, steps in fields.items() if field_name != WHOLE)


def _steps(fields: Mapping[str, Transformations]) -> Transformations:
    """What was done to a dataset as a whole, each step with the field it looked at."""
    steps: Transformations = []
    for name, listed in fields.items():
        if name == WHOLE:
            steps.extend(listed)
        else:
            steps.extend({**step, "field": name} for step in listed or [{"type": "INDIRECT", "masking": False}])
    return steps
