"""`_entities`: what other subgraphs refer to, found all at once, each in its place, or what is wrong with it there."""

from collections.abc import Sequence
from typing import Any, Final

from backends.ids import BadId, Kind, make_id
from schema.drive import Reader, Task
from schema.errors import ApiError, Code, bad_input
from schema.follow import Spot
from schema.names import DEFAULT_NAMESPACE, MAX_IDS, MAX_LATEST, Sought, sought, sought_by_name, sought_model
from schema.plan import wants
from schema.roots import find
from schema.selection import Field
from schema.starts import members_of
from schema.turns import check_turns
from schema.types.entities import entity
from schema.types.federation import KEYS, Representation

_KINDS: Final = frozenset(KEYS)
_LISTED: Final = 5
"""Operations that an error lists."""


def entities(reader: Reader, field: Field) -> Task:
    """`_entities(representations)`: one `get` for all, as `nodes` does, before it one traversal for operations that are told
    by the name of their job, and a list for each model whose version is not said."""
    given: Sequence[Representation] = field.args["representations"]
    if len(given) > MAX_IDS:
        raise bad_input(f"representations has at most {MAX_IDS:,} of them, not {len(given):,}")
    check_turns(field.below, _KINDS, reader.costs.max_turns)
    jobs = [_job(each) for each in given]
    members = yield from members_of(reader, {job for job in jobs if job is not None})
    names: list[Sought | ApiError] = []
    latest: set[tuple[str, str]] = set()
    for each, job in zip(given, jobs, strict=True):
        try:
            name = _sought(each, members.of.get(job, ()) if job is not None else ())
            if name.latest is not None and name.latest not in latest:
                if len(latest) == MAX_LATEST:
                    raise ApiError(Code.TOO_COSTLY, f"the latest version of at most {MAX_LATEST} models; say which is meant")
                latest.add(name.latest)
            names.append(name)
        except ApiError as error:
            names.append(error)
    good = [name for name in names if isinstance(name, Sought)]
    facets = any(wants(field.below, kind).facets for kind in _KINDS)
    found = iter((yield from find(reader, good, facets=facets, strict=False)))
    spot = Spot(reader, field.key, field.below)
    values: list[Any] = []
    for each, one in zip(given, names, strict=True):
        node = one if isinstance(one, ApiError) else next(found)
        if node is None or isinstance(node, ApiError):
            values.append(node)
        else:
            values.append(entity(spot.add(node.id)) if node.kind is each.kind else None)
    reader.values[field.key] = values
    spot.spawn()


def _job(said: Representation) -> str | None:
    """The id of the job by whose name an operation is told; None where it is told otherwise, or wrongly."""
    if said.kind is not Kind.OPERATION or said.wrong or said.id is not None or said.name is None:
        return None
    try:
        return make_id(Kind.JOB, _namespace(said), said.name)
    except BadId:
        return None


def _sought(said: Representation, operations: Sequence[str]) -> Sought:
    """What a representation stands for. `operations`: those of the job it names. Raises BAD_INPUT."""
    if said.wrong or said.kind is None:
        raise bad_input(said.wrong or "a representation has a __typename")
    if said.id is not None:
        return _by_id(said.kind, said.id)
    assert said.name is not None  # else it would be wrong
    if said.kind is Kind.MODEL:
        return sought_model(_namespace(said), said.name, said.version)
    if said.kind is not Kind.OPERATION:
        return sought_by_name(said.kind, said.namespace, said.name)
    if len(operations) > 1:
        shown = list(operations[:_LISTED])
        words = f"the job {said.name!r} has {len(operations):,} operations: tell them apart by id"
        raise bad_input(words, candidates=shown)
    # the operation of a job, or one that has no job, whose name is its hash
    whole = sought_by_name(Kind.OPERATION, said.namespace, "", said.name)
    return Sought(whole.text, (*whole.ids, *operations))


def _by_id(kind: Kind, text: str) -> Sought:
    if not text.startswith(f"{kind.lower()}:"):
        raise bad_input(f"the id of {kind.a} begins with {kind.lower()}:", id=text[:200])
    return sought(text)


def _namespace(said: Representation) -> str:
    return DEFAULT_NAMESPACE if said.namespace is None else said.namespace
