"""What a client may mean by an id: a whole one, a bare name, the latest version of a model. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from backends.changes import NodeFilter
from backends.ids import KINDS, BadId, Kind, check_text, kind_of, make_id, name_of, namespace_of, split_id
from backends.model import Node
from backends.text import words
from schema.errors import bad_input
from schema.plan import API_KINDS

DEFAULT_NAMESPACE = "default"
MAX_IDS = 1_000
"""Ids that one argument may hold."""
MAX_LATEST = 100
"""Models of one argument whose latest version is looked for: each takes a list."""

_BARE = (
    Kind.DATASET,
    Kind.JOB,
    Kind.ASSET,
    Kind.PREDICTION,
    Kind.HYPERPARAMETERS,
    Kind.METRICS,
    Kind.USER,
    Kind.SYSTEM,
)
"""The kinds a bare name is tried for, beside models and runs."""
_SEARCHED = API_KINDS - {Kind.RUN}
_PREFIXES = tuple(f"{kind.lower()}:" for kind in KINDS)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Sought:
    """What one id may stand for: any of `ids`, or the latest model `latest` (namespace, name). `text` is as it was said."""

    text: str
    ids: tuple[str, ...]
    latest: tuple[str, str] | None = None


def sought(text: str) -> Sought:
    """What an id may mean. `kind:...` is that; anything else is a name in the namespace `default`, of any kind.

    Raises BAD_INPUT for what cannot be an id.
    """
    try:
        if text.startswith(_PREFIXES):
            return _whole(text)
        check_text(text)
        if not text:
            raise BadId("an id is not empty")
        ids = [make_id(kind, DEFAULT_NAMESPACE, text) for kind in _BARE]
        if _UUID.fullmatch(text):
            ids.append(make_id(Kind.RUN, text.lower()))
        return Sought(text, tuple(ids), (DEFAULT_NAMESPACE, text))
    except BadId as error:
        raise bad_input(str(error), id=text[:200]) from None


def _whole(text: str) -> Sought:
    kind = kind_of(text)
    if kind not in API_KINDS:
        raise BadId(f"there are no entities of the kind {kind.lower()}")
    if kind is Kind.MODEL and text.count("#") == 1:
        namespace, name = namespace_of(text), split_id("dataset:" + text.partition(":")[2])[1][1]
        return Sought(text, (), (namespace, name))
    _, parts = split_id(text)
    if kind is Kind.RUN and len(parts) == 1:
        text = make_id(kind, parts[0].lower() if _UUID.fullmatch(parts[0]) else parts[0])
    return Sought(text, (text,))


def sought_by_name(kind: Kind, *parts: str | None) -> Sought:
    """What a namespace and a name mean; the namespace left out is `default`. Raises BAD_INPUT."""
    namespace, *names = parts
    try:
        node_id = make_id(kind, DEFAULT_NAMESPACE if namespace is None else namespace, *(name or "" for name in names))
    except BadId as error:
        raise bad_input(str(error)) from None
    return Sought(node_id, (node_id,))


def sought_model(namespace: str | None, name: str, version: str | None) -> Sought:
    """A version of a model, or the latest. Raises BAD_INPUT."""
    if version is not None:
        return sought_by_name(Kind.MODEL, namespace, name, version)
    whole = sought_by_name(Kind.MODEL, namespace, name, "")
    return Sought(whole.text, (), (DEFAULT_NAMESPACE if namespace is None else namespace, name))


def sought_run(text: str) -> Sought:
    """A run by its id, with or without `run:`. Raises BAD_INPUT."""
    return sought(text if text.startswith(_PREFIXES) else f"run:{text}")


def latest_filter(latest: tuple[str, str]) -> NodeFilter:
    """Finds the versions of a model: equal names come first, so they are read until another name comes."""
    return NodeFilter(text=latest[1], kinds=frozenset({Kind.MODEL}), namespace=latest[0])


def latest_of(latest: tuple[str, str], models: Iterable[Node]) -> Node | None:
    """The latest of the versions of a model: trained last, then the greatest version as people count."""
    named = [model for model in models if split_id(model.id)[1][:2] == latest]
    return max(named, key=_age, default=None)


def _age(model: Node) -> tuple[int, tuple[tuple[int, int, str], ...]]:
    trained = model.attributes.get("trained_at")
    return (trained if isinstance(trained, int) else -(2**63), natural(split_id(model.id)[1][2]))


def natural(version: str) -> tuple[tuple[int, int, str], ...]:
    """Orders versions as people do: 2 before 10.

    >>> sorted(["v10", "v2"], key=natural)
    ['v2', 'v10']
    """
    parts = _NUMBERS.split(version)
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts if part)


def the_one(one: Sought, found: Iterable[Node]) -> Node | None:
    """The node that is meant among those found; None where there is none. Raises BAD_INPUT where several kinds answer."""
    standing = {node.id: node for node in found if node.standing and node.kind in API_KINDS}
    if len(standing) > 1:
        ids = sorted(standing)
        raise bad_input(f"{one.text!r} may be any of: {', '.join(ids)}; say which", id=one.text, candidates=ids)
    return next(iter(standing.values()), None)


def near_searches(one: Sought) -> list[list[NodeFilter]]:
    """Searches that find what may have been meant by an id that nobody has; the second list only where the first finds
    nothing: by all words of the name, or with one mistyped further on; then with one left out."""
    parts = words(_name(one))[:5]
    others = [(word, [*parts[:place], *parts[place + 1 :]]) for place, word in enumerate(parts)]
    mistyped = [" ".join([*rest, word[: max(2, len(word) // 2)]]) for word, rest in others]
    rounds = [[" ".join(parts), *mistyped], [" ".join(rest) for _, rest in others]]
    return [[NodeFilter(text=text, kinds=_SEARCHED) for text in dict.fromkeys(texts) if text] for texts in rounds]


def neighbours(one: Sought) -> NodeFilter | None:
    """Whatever is of the same kind in the same namespace; None for a bare name."""
    if len(one.ids) != 1 or kind_of(one.ids[0]) not in _SEARCHED:
        return None
    return NodeFilter(kinds=frozenset({kind_of(one.ids[0])}), namespace=namespace_of(one.ids[0]))


def nearest(one: Sought, found: Iterable[str], most: int = 5) -> list[str]:
    """The ids most like the one that was said, the likest first."""
    said, name = one.ids[0] if len(one.ids) == 1 else one.text, _name(one)

    def unlike(node_id: str) -> tuple[float, str]:
        same_kind = len(one.ids) == 1 and kind_of(node_id) is kind_of(said)
        own = name_of(node_id)
        last = own.rsplit(".", 1)[-1].rsplit("/", 1)[-1]  # what people call a table
        alike = max(_alike(name, own), 0.95 * _alike(name, last)) + 0.25 * _alike(said, node_id) + 0.1 * same_kind
        return (-alike, node_id)

    return sorted(set(found), key=unlike)[:most]


def _alike(left: str, right: str) -> float:
    return SequenceMatcher(None, left[-120:].casefold(), right[-120:].casefold(), autojunk=False).ratio()


def _name(one: Sought) -> str:
    """The name in what was said, as far as it has one."""
    if len(one.ids) == 1:
        return name_of(one.ids[0])
    return one.latest[1] if one.latest else one.text
