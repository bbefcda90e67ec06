"""A job's operations, computed from the pictures of its runs and declarations. Pure and independent of any order.

Outputs with equal sources share one operation, and inputs that reach no output share one more. So no pair of input and
output is lost or invented, there are never more operations than outputs plus one, and a job gives a pair one path.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from backends.changes import Resolution
from backends.ids import BadId, column_id
from backends.model import EdgeKey, EdgeKind, Json
from ingest import sealing
from ingest.columns import united
from ingest.picture import Claim, Picture, Relation, relation

Resolve = Callable[[str], Resolution]

MAX_PAIRS = 10_000
"""How many pairs of input and output an operation may have for each to have evidence of its own."""
IDLE = "-"
"""Stands for an output where an input reaches none."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A picture with its counters: `tally` is the id of the record that holds them, times are microseconds."""

    tally: str
    content: Picture
    runs: int
    completed: int
    first: int
    last: int
    declared: bool = False


@dataclass(slots=True)
class Layout:
    """What a job (or other owner) states: edges with the tallies behind them, its operations, the columns it names as
    (name of the dataset, its node, field), and for each tally the least time at which its being seen again changes the
    layout (a retraction or deletion it would outlive)."""

    edges: dict[EdgeKey, dict[str, dict[str, Json]]] = field(default_factory=dict)
    operations: set[str] = field(default_factory=set)
    columns: set[tuple[str, str, str]] = field(default_factory=set)
    watch: dict[str, int] = field(default_factory=dict)

    def put(self, source: str, kind: EdgeKind, target: str, tally: str, facts: Mapping[str, Json]) -> None:
        """States an edge. Where two names of one dataset state it in one picture, both are heard, in whatever order."""
        stated = self.edges.setdefault(EdgeKey(source, kind, target), {})
        stated[tally] = both(stated[tally], facts) if tally in stated else dict(facts)


def both(one: Mapping[str, Json], two: Mapping[str, Json]) -> dict[str, Json]:
    """Two sets of facts of one statement: as sure as the surer, with all that was done."""
    merged = {**one, **two}
    sure = max(one.get("confidence", 1.0), two.get("confidence", 1.0))
    steps = united(one.get("transformations", []), two.get("transformations", []))
    for key, value, plain in (("confidence", sure, 1.0), ("transformations", steps, [])):
        merged.pop(key, None)
        if value != plain:
            merged[key] = value
    return merged


@dataclass(frozen=True, slots=True)
class Rules:
    """What of an owner's state steers its layout: retractions as (source, output) -> time with "" for any and IDLE for an
    input that reaches no output, who hangs on which output as output -> kind -> ids ("" for what has no output), and when
    the job was deleted."""

    retracted: Mapping[tuple[str, str], int] = field(default_factory=dict)
    hung: Mapping[str, Mapping[EdgeKind, Sequence[str]]] = field(default_factory=dict)
    deleted_at: int | None = None


def operation_id(namespace: str, job: str, outputs: Iterable[str]) -> str:
    """The id of an operation from the encoded parts of its job: the least SHA-256 among its outputs' ids."""
    digest = min((sha256(output.encode()).hexdigest() for output in outputs), default=sha256(b"").hexdigest())
    return f"operation:{namespace}#{job}#{digest[:16]}"


def derive(
    job: str, pictures: Sequence[Counted], rules: Rules, resolve: Resolve, base: sealing.Base | None = None
) -> Layout:
    """The layout of a job. A picture without a completed run counts only where no completed one covers it: a START is
    often coarser than its COMPLETE. `base` is what `ingest.sealing` folded."""
    layout = Layout()
    pairs = _Pairs()
    for counted in _uncovered(pictures, resolve, base):
        _Collecting(pairs, layout, counted, rules, resolve).collect(relation(counted.content))
    if base is not None:
        _collect_base(pairs, layout, job, base, rules, resolve)
    namespace, _, name = job.partition(":")[2].partition("#")
    groups: dict[frozenset[str], list[str]] = defaultdict(list)
    for output in pairs.outputs:
        groups[pairs.sources_of(output)].append(output)
    reaching = {source for sources in groups for source in sources}
    idle = {source: said for source, said in pairs.idle.items() if source not in reaching}
    for sources, outputs in groups.items():
        _lay_operation(layout, pairs, job, operation_id(namespace, name, outputs), sources, outputs, rules)
    if idle or rules.hung.get(""):
        operation = operation_id(namespace, name, ())
        _lay_operation(layout, pairs, job, operation, frozenset(), [], rules)
        for source, said in idle.items():
            for tally, facts in said.items():
                layout.put(source, EdgeKind.INPUT_TO, operation, tally, facts)
                layout.put(job, EdgeKind.HAS_OPERATION, operation, tally, facts)
    return layout


Facts = Mapping[str, Json]


@dataclass(slots=True)
class _Pairs:
    """The union of the pictures, resolved: the tallies and facts of each output, of the sources of each output, and of
    idle inputs. Outputs with the same sources in a picture share one dictionary of them, so that a job with a thousand
    inputs and a thousand outputs costs thousands and not a million."""

    outputs: dict[str, dict[str, Facts]] = field(default_factory=dict)
    sources: dict[str, list[tuple[str, dict[str, Facts]]]] = field(default_factory=dict)
    idle: dict[str, dict[str, Facts]] = field(default_factory=dict)
    _unions: dict[tuple[int, ...], frozenset[str]] = field(default_factory=dict)

    def sources_of(self, output: str) -> frozenset[str]:
        """All sources of an output."""
        shared = self.sources.get(output, [])
        key = tuple(sorted({id(sources) for _, sources in shared}))
        if key not in self._unions:
            self._unions[key] = frozenset(source for _, sources in shared for source in sources)
        return self._unions[key]


def _uncovered(pictures: Sequence[Counted], resolve: Resolve, base: sealing.Base | None) -> list[Counted]:
    def homes(inputs: Iterable[str], outputs: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
        return frozenset(resolve(name).id for name in inputs), frozenset(resolve(name).id for name in outputs)

    def ends(counted: Counted) -> tuple[frozenset[str], frozenset[str]]:
        return homes(counted.content["in"], counted.content["out"])

    complete = {ends(counted) for counted in pictures if counted.completed}
    complete |= {homes(*both) for both in base["ends"]} if base is not None else set()
    kept = []
    for counted in pictures:
        if not (counted.completed or counted.declared):
            inputs, outputs = ends(counted)
            if any(inputs <= ins and outputs <= outs for ins, outs in complete):
                continue
        kept.append(counted)
    return kept


@dataclass(slots=True)
class _Collecting:
    """One picture being added to the union."""

    pairs: _Pairs
    layout: Layout
    counted: Counted
    rules: Rules
    resolve: Resolve
    special: set[str] = field(default_factory=set)

    def collect(self, said: Relation) -> None:
        counted, tally = self.counted, self.counted.tally
        origin: dict[str, Json] = {"origin": counted.content["origin"]}
        if counted.declared:  # no record counts it, so its times stand in the facts
            origin |= {"first": counted.first, "last": counted.last}
        self.special = {end for key in self.rules.retracted for end in key}
        shared: dict[int, dict[str, Facts]] = {}
        for output, claims in said.outputs.items():
            target = self.resolve(output).id
            if not self._stands("", target, output):
                continue
            self.pairs.outputs.setdefault(target, {})[tally] = origin
            sources = shared.get(id(claims)) if target not in self.special else None
            if sources is None:
                sources = self._sources(target, output, claims, origin)
                if target not in self.special:
                    shared[id(claims)] = sources
            if sources:
                self.pairs.sources.setdefault(target, []).append((tally, sources))
        for source in said.idle:
            home = self.resolve(source).id
            if self._stands(home, IDLE, source):
                self.pairs.idle.setdefault(home, {})[tally] = origin
        for (output, name), fields in said.fields.items():
            for (source, field_name), steps in fields.items():
                if self._stands(self.resolve(source).id, self.resolve(output).id, source, output):
                    ends = (source, field_name), (output, name)
                    _lay_column(self.layout, tally, origin, *ends, steps, self.rules, self.resolve, counted.last)

    def _sources(self, target: str, output: str, claims: Mapping[str, Claim], origin: Facts) -> dict[str, Facts]:
        """The sources of an output that stand. Where no retraction speaks of the output, they are those of any other that
        claims the same."""
        found: dict[str, Facts] = {}
        for source, claim in claims.items():
            home = self.resolve(source).id
            if self._stands(home, target, source, output):
                facts = _facts(origin, claim)
                found[home] = both(found[home], facts) if home in found else facts
        return found

    def _stands(self, source: str, output: str, *said_names: str) -> bool:
        """Whether this picture outlives every retraction of the pair and every deletion of its ends."""
        last = _outlived(source, output, said_names, self.rules, self.resolve)
        if last is None or self.counted.last > last:
            return True
        tally = self.counted.tally
        self.layout.watch[tally] = min(last, self.layout.watch.get(tally, last))
        return False


def _outlived(source: str, output: str, said_names: Iterable[str], rules: Rules, resolve: Resolve) -> int | None:
    """The time of the latest retraction of a pair or deletion of its ends, which a statement must outlive to stand."""
    times = [rules.deleted_at, *(resolve(name).deleted_at for name in said_names)]
    times += [rules.retracted.get(key) for key in {(source, output), (source, ""), ("", output)}]
    return max((time for time in times if time is not None), default=None)


def _collect_base(pairs: _Pairs, layout: Layout, job: str, base: sealing.Base, rules: Rules, resolve: Resolve) -> None:
    """What sealed runs said. No record counts it, so the counts of each edge stand in its facts."""
    tally = f"sealed:{job}#"

    def put(into: dict[str, Facts], key: str, counts: Sequence[Json], more: Facts) -> None:
        both = sealing.added([into[key][each] for each in _COUNTS] if key in into else None, list(counts))
        into[key] = {"origin": "run event", **more, **dict(zip(_COUNTS, both, strict=True))}

    def stands(counts: Sequence[Json], source: str, output: str, *said_names: str) -> bool:
        last = _outlived(source, output, said_names, rules, resolve)
        return last is None or counts[2] > last

    sealed: dict[str, dict[str, Facts]] = {}
    for output, counts in base["outputs"].items():
        target = resolve(output).id
        if stands(counts, "", target, output):
            put(pairs.outputs.setdefault(target, {}), tally, counts, {})
            found = sealed.setdefault(target, {})
            for source, (own, confidence, steps) in base["pairs"].get(output, {}).items():
                home = resolve(source).id
                if stands(own, home, target, source, output):
                    put(found, home, own, _facts({}, Claim(confidence, steps)))
    for target, found in sealed.items():
        if found:
            pairs.sources.setdefault(target, []).append((tally, found))
    for source, counts in base["idle"].items():
        home = resolve(source).id
        if stands(counts, home, IDLE, source):
            put(pairs.idle.setdefault(home, {}), tally, counts, {})
    for output, name, source, field_name, steps, counts in base["fields"]:
        if stands(counts, resolve(source).id, resolve(output).id, source, output):
            origin = {"origin": "run event", **dict(zip(_COUNTS, counts, strict=True))}
            _lay_column(layout, tally, origin, (source, field_name), (output, name), steps, rules, resolve, counts[2])


_COUNTS = ("runs", "first", "last", "last_run")


def _facts(origin: Facts, claim: Claim) -> Facts:
    if claim.confidence == 1.0 and not claim.steps:
        return origin
    facts = dict(origin)
    if claim.confidence != 1.0:
        facts["confidence"] = claim.confidence
    if claim.steps:
        facts["transformations"] = claim.steps
    return facts


def _lay_column(
    layout: Layout,
    tally: str,
    origin: Mapping[str, Json],
    source: tuple[str, str],
    target: tuple[str, str],
    steps: Sequence[Mapping[str, Json]],
    rules: Rules,
    resolve: Resolve,
    last: int,
) -> None:
    try:
        from_dataset, to_dataset = resolve(source[0]).id, resolve(target[0]).id
        one, two = column_id(from_dataset, source[1]), column_id(to_dataset, target[1])
    except BadId:  # the other name of the dataset is longer, and with it the id of its field
        return
    retracted = rules.retracted.get((one, two))
    if retracted is not None and last <= retracted:
        layout.watch[tally] = min(retracted, layout.watch.get(tally, retracted))
        return
    layout.columns |= {(source[0], from_dataset, source[1]), (target[0], to_dataset, target[1])}
    facts = {**origin, "transformations": list(steps)} if steps else origin
    layout.put(one, EdgeKind.DERIVES, two, tally, facts)
    layout.put(from_dataset, EdgeKind.HAS_COLUMN, one, tally, origin)
    layout.put(to_dataset, EdgeKind.HAS_COLUMN, two, tally, origin)


def _lay_operation(
    layout: Layout,
    pairs: _Pairs,
    job: str,
    operation: str,
    sources: frozenset[str],
    outputs: Sequence[str],
    rules: Rules,
) -> None:
    """An operation with its edges. The evidence of each pair is kept apart, but for those of a very wide operation that
    have nothing to tell beside what its inputs and outputs tell."""
    layout.operations.add(operation)
    for output in outputs:
        for tally, facts in pairs.outputs[output].items():
            layout.put(operation, EdgeKind.PRODUCES, output, tally, facts)
            layout.put(job, EdgeKind.HAS_OPERATION, operation, tally, facts)
    many = len(sources) * len(outputs) > MAX_PAIRS
    read: set[tuple[str, int]] = set()
    for output in outputs:
        for tally, found in pairs.sources.get(output, ()):
            if (tally, id(found)) not in read:
                read.add((tally, id(found)))
                for source, facts in found.items():
                    _lay_input(layout, source, operation, tally, facts)
            for source, facts in found.items():
                if not many or "transformations" in facts or "confidence" in facts:
                    layout.put(source, EdgeKind.PAIR, output, tally, facts)
    for output in outputs or [""]:
        for kind, ids in rules.hung.get(output, {}).items():
            for node_id in ids:
                layout.put(node_id, kind, operation, "client", {"origin": "client"})
                layout.put(job, EdgeKind.HAS_OPERATION, operation, "client", {"origin": "client"})


def _lay_input(layout: Layout, source: str, operation: str, tally: str, facts: Mapping[str, Json]) -> None:
    """An input is as sure as the surest of the outputs it feeds; what was done to it is said of each pair, not here."""
    before = layout.edges.get(EdgeKey(source, EdgeKind.INPUT_TO, operation), {}).get(tally)
    plain = {key: value for key, value in facts.items() if key != "transformations"}
    if before is not None and "runs" in before:
        # Sealed runs are counted by pair; an input was read at least as often as any output was made from it.
        plain |= {"runs": max(before["runs"], plain["runs"]), "first": min(before["first"], plain["first"])}
        newest = max(before, plain, key=lambda facts: (facts["last"], facts["last_run"] or ""))
        plain |= {"last": newest["last"], "last_run": newest["last_run"]}
    if before is None or "runs" in before or before.get("confidence", 1.0) < plain.get("confidence", 1.0):
        layout.edges.setdefault(EdgeKey(source, EdgeKind.INPUT_TO, operation), {})[tally] = plain
