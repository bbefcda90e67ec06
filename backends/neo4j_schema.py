"""The constraints and indexes a Neo4j database needs, made at the start where they are missing. Pure.

All of it is there in the Community edition. Several services may start at once: each statement says IF NOT EXISTS.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from backends.model import Epoch
from backends.neo4j_graph import FULL_TEXT, HIDDEN, LABELS, NODE
from backends.neo4j_statement import Statement
from backends.rows import chain

FORMAT: Final = 2
"""Kept on the epoch node. A database of another format is refused, not guessed at."""
GENESIS: Final = Epoch(0, chain(0, (0,)))
ANALYZER: Final = "keyword"
"""Tokens are cut by `backends.text.words`; each goes into the index as it is."""


BEGIN: Final = """
MERGE (e:_Epoch {id: 0})
ON CREATE SET e.at = $p.at, e.next = 0, e.writes = 0, e.format = $p.format
RETURN e.format AS format
"""


class Rule(NamedTuple):
    """A constraint or an index, and the statement that makes it."""

    name: str
    statement: str


def _unique(label: str, *properties: str) -> Rule:
    name = f"headwater_{label.strip('_').lower()}_{'_'.join(properties).strip('_')}"
    listed = ", ".join(f"n.{one}" for one in properties)
    required = f"({listed})" if len(properties) > 1 else listed
    return Rule(name, f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE {required} IS UNIQUE")


def _index(label: str, *properties: str) -> Rule:
    name = f"headwater_{label.strip('_').lower()}_{'_'.join(one.strip('_') for one in properties)}"
    listed = ", ".join(f"n.{one}" for one in properties)
    return Rule(name, f"CREATE RANGE INDEX {name} IF NOT EXISTS FOR (n:{label}) ON ({listed})")


def _full_text() -> Rule:
    """Kept current in the background, and waited for by whoever searches: at each commit it would cost a write of five
    nodes ten milliseconds more (docs/decisions/neo4j.md)."""
    options = f"{{`fulltext.analyzer`: '{ANALYZER}', `fulltext.eventually_consistent`: true}}"
    return Rule(
        FULL_TEXT,
        f"CREATE FULLTEXT INDEX {FULL_TEXT} IF NOT EXISTS FOR (n:{'|'.join(LABELS.values())}) ON EACH [n._terms] "
        f"OPTIONS {{indexConfig: {options}}}",
    )


RULES: Final = (
    _unique("_Epoch", "id"),
    *(_unique(label, "id") for label in (*LABELS.values(), NODE, "_Record")),
    _index(NODE, "_number"),
    _index(HIDDEN, "_alias"),
    _unique("_Edge", "source", "kind", "target"),
    _index("_Edge", "target", "kind", "source"),
    _index("_Listed", "group", "place", "id"),
    _unique("_Log", "seq"),
    _full_text(),
)


def missing(present: Iterable[str]) -> list[Statement]:
    """The statements that make what is not among the names of rules that are present, in the order to run them."""
    there = set(present)
    return [Statement(rule.statement, writes=True) for rule in RULES if rule.name not in there]


def list_rules() -> Statement:
    """The names of all indexes that are there and ready; a constraint has one of its own name."""
    return Statement("SHOW INDEXES YIELD name, state WHERE state = 'ONLINE' RETURN collect(name) AS names")


def await_rules() -> Statement:
    """Waits until new indexes are filled."""
    return Statement("CALL db.awaitIndexes(300)")


def begin() -> Statement:
    """Makes the epoch node of an empty store; leaves one that is there."""
    return Statement(BEGIN, {"at": [*GENESIS], "format": FORMAT}, writes=True)
