"""The lineage facets in one form: column lineage (old, new and bare) and explicit lineage, of datasets and of jobs.

ColumnLineage: `{"fields": {field: sources}, "dataset": sources}`, where sources map `dataset id` -> `source field, or ""
for the dataset as a whole` -> list of transformations `{"type", "subtype", "description", "masking"}`, None left out.
Explicit: `{target dataset id: ColumnLineage}`, and under "" the datasets that feed the job alone.
Both are plain JSON with sorted, merged content, so that equal meanings have equal texts. `{}` withdraws.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from backends.ids import BadId, Kind, column_id, make_id
from backends.model import Json, canonical

Transformations: TypeAlias = list[dict[str, Json]]
Sources: TypeAlias = dict[str, dict[str, Transformations]]
ColumnLineage: TypeAlias = dict[str, Json]
Explicit: TypeAlias = dict[str, ColumnLineage]
Leave: TypeAlias = Callable[[str, str], None]

WHOLE = ""
"""The field of a source that is meant as a whole; also the target of what feeds a job alone."""


def read_columns(facet: Mapping[str, Json] | None, dataset: str, pointer: str, leave: Leave) -> ColumnLineage | None:
    """A `columnLineage` facet; None where there is none or it cannot be read (then it is set aside)."""
    if facet is None:
        return None
    if facet.get("_deleted"):
        return {}
    fields = facet.get("fields")
    if not isinstance(fields, dict):
        leave(pointer, "columnLineage has fields, an object; set aside")
        return None
    return {
        "fields": _fields(fields, "inputFields", dataset, f"{pointer}/fields", leave),
        "dataset": _sources(facet.get("dataset") or (), f"{pointer}/dataset", leave),
    }


def read_explicit(facet: Mapping[str, Json] | None, dataset: str, pointer: str, leave: Leave) -> Explicit | None:
    """A `lineage` facet of a dataset: that dataset is its one target."""
    if facet is None:
        return None
    if facet.get("_deleted"):
        return {}
    return {dataset: _entry(facet, dataset, pointer, leave)}


def read_entries(facet: Mapping[str, Json] | None, job: str, pointer: str, leave: Leave) -> Explicit | None:
    """A `lineage` facet of a job. Of its JOB targets only the job itself is taken: no operation feeds an operation."""
    if facet is None:
        return None
    if facet.get("_deleted"):
        return {}
    entries = facet.get("entries")
    if not isinstance(entries, list):
        leave(pointer, "a lineage facet of a job has entries, a list; set aside")
        return None
    found: Explicit = {WHOLE: {"fields": {}, "dataset": {}}}
    for index, entry in enumerate(entries):
        at = f"{pointer}/entries/{index}"
        target = _target(entry, job)
        if target is None:
            leave(at, "an entry has a type DATASET or JOB and a name; set aside")
        elif target == job:
            found[WHOLE] = merge_columns(found[WHOLE], _entry(entry, None, at, leave))
        elif target.startswith("dataset:"):
            found[target] = merge_columns(found.get(target), _entry(entry, target, at, leave))
    return found


def _target(entry: Json, job: str) -> str | None:
    if not isinstance(entry, dict) or entry.get("type") not in ("DATASET", "JOB"):
        return None
    if entry["type"] == "JOB" and entry.get("name") is None:
        return job
    return _id(Kind(entry["type"]), entry)


def _entry(entry: Mapping[str, Json], target: str | None, pointer: str, leave: Leave) -> ColumnLineage:
    fields = entry.get("fields")
    return {
        "fields": _fields(fields, "inputs", target, f"{pointer}/fields", leave)
        if isinstance(fields, dict) and target is not None
        else {},
        "dataset": _sources(entry.get("inputs") or (), f"{pointer}/inputs", leave),
    }


def _fields(fields: Mapping[str, Json], key: str, dataset: str | None, pointer: str, leave: Leave) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, body in fields.items():
        at = f"{pointer}/{name}"
        try:
            column_id(dataset or "dataset:#", name)
            if not name:
                raise BadId("a field has a name")
        except BadId as error:
            leave(at, str(error))
            continue
        listed = body.get(key) if isinstance(body, dict) else None
        if not isinstance(listed, list):
            leave(at, f"a field has {key}, a list; set aside")
            continue
        old = _old_form(body)
        found[name] = _sources(listed, f"{at}/{key}", leave, old)
    return dict(sorted(found.items()))


def _old_form(body: Mapping[str, Json]) -> Transformations:
    """Before 1-1-0 one `transformationType` (IDENTITY or MASKED) stood on the field, for all its inputs."""
    kind = body.get("transformationType")
    if not isinstance(kind, str) or not kind:
        return []
    step: dict[str, Json] = {"type": "DIRECT", "subtype": kind, "masking": kind == "MASKED"}
    if isinstance(body.get("transformationDescription"), str):
        step["description"] = body["transformationDescription"]
    return [step]


def _sources(listed: Iterable[Json], pointer: str, leave: Leave, old: Transformations | None = None) -> Sources:
    found: Sources = {}
    for index, item in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(item, dict) and item.get("type") == "JOB":
            continue  # data that a job makes itself has no source to name
        source = _id(Kind.DATASET, item) if isinstance(item, dict) else None
        field = item.get("field") if isinstance(item, dict) else None
        if source is None or not _is_field(source, field):
            leave(f"{pointer}/{index}", "a source has a name and may have a field, both texts; set aside")
            continue
        steps = _transformations(item.get("transformations")) or old or []
        fields = found.setdefault(source, {})
        fields[field or WHOLE] = united(fields.get(field or WHOLE, []), steps)
    return {source: dict(sorted(fields.items())) for source, fields in sorted(found.items())}


def _is_field(source: str, field: Json) -> bool:
    if field is None:
        return True
    try:
        return isinstance(field, str) and bool(field) and bool(column_id(source, field))
    except BadId:
        return False


def _id(kind: Kind, body: Mapping[str, Json]) -> str | None:
    namespace, name = body.get("namespace"), body.get("name")
    if not isinstance(name, str) or not name or not isinstance(namespace, str | None):
        return None
    try:
        return make_id(kind, "default" if namespace is None else namespace, name)
    except BadId:
        return None


def _transformations(listed: Json) -> Transformations:
    steps = []
    for step in listed if isinstance(listed, list) else ():
        if isinstance(step, dict) and isinstance(step.get("type"), str):
            kept = {key: step[key] for key in ("type", "subtype", "description") if isinstance(step.get(key), str)}
            steps.append({**kept, "masking": step.get("masking") is True})
    return united([], steps)


def united(one: Transformations, two: Transformations) -> Transformations:
    """The steps of both, each once, in one order."""
    texts = {canonical(step): step for step in (*one, *two)}
    return [texts[text] for text in sorted(texts)]


def merge_sources(one: Sources, two: Sources) -> Sources:
    """What either says."""
    merged = {source: dict(fields) for source, fields in one.items()}
    for source, fields in two.items():
        into = merged.setdefault(source, {})
        for field, steps in fields.items():
            into[field] = united(into.get(field, []), steps)
    return {source: dict(sorted(fields.items())) for source, fields in sorted(merged.items())}


def merge_columns(one: ColumnLineage | None, two: ColumnLineage | None) -> ColumnLineage:
    """What either says of one target."""
    one, two = one or {}, two or {}
    first, second = one.get("fields", {}), two.get("fields", {})
    return {
        "fields": {name: merge_sources(first.get(name, {}), second.get(name, {})) for name in sorted({*first, *second})},
        "dataset": merge_sources(one.get("dataset", {}), two.get("dataset", {})),
    }


def merge_explicit(one: Explicit | None, two: Explicit | None) -> Explicit | None:
    """What either says of all targets; None where neither speaks."""
    if one is None or two is None:
        return two if one is None else one
    return {target: merge_columns(one.get(target), two.get(target)) for target in sorted({*one, *two})}


def named(columns: ColumnLineage) -> set[str]:
    """The datasets that a column lineage names, through a field or as a whole."""
    found = set(columns.get("dataset", {}))
    for sources in columns.get("fields", {}).values():
        found.update(sources)
    return found
