r"""What a graph needs before Headwater keeps lineage in it, made at the start where it is missing.

JanusGraph: property keys, labels, a unique composite index on `id`, and the head. Only the head is locked: what else must
be unique is, because one writer at a time holds the turn (gremlin_commit.py). Several services may start at once: names in
JanusGraph's schema are unique, so of those that make them together one goes through and the others look again.
"""

import asyncio
from random import random
from typing import Final

from backends.errors import Misconfigured
from backends.gremlin_errors import ScriptFailed
from backends.gremlin_places import LABELS
from backends.gremlin_scripts import COMMON
from backends.gremlin_settings import Dialect
from backends.gremlin_state import State
from backends.gremlin_wire import Answer, Statement, Wire
from backends.model import EDGE_KINDS

KEYS: Final = {
    "id": "String",
    "number": "Long",
    "standing": "Boolean",
    "name": "String",
    "namespace": "String",
    "said": "String",
    "facets": "String",
    "alias": "String",
    "names": "String",
    "place": "String",
    "text": "String",
    "state": "String",
    "announced": "String",
    "closed": "String",
    "headwater": "String",
}
"""Property keys and their types; each holds one value."""
SHELF, HEAD = "Shelf", "LineageHead"
"""Labels of our own."""
REASONS: Final = {
    "dialect": "the server keeps another kind of graph: say ?dialect=janusgraph or ?dialect=tinkerpop",
    "cache": "this graph has cache.db-cache=true, which shows what was, not what is: turn it off",
    "batch": "this graph has storage.batch-loading=true, which takes no locks: turn it off",
    "ids": "this graph wants to be given the ids of vertices (graph.set-vertex-id): Headwater needs one that makes them",
    "key": "this graph has a property key of another type under a name that Headwater uses",
    "index": "this graph has an index named headwaterId or headwaterHead that is not ready",
}
RACES: Final = ("LockingException", "SchemaViolationException")
"""How it ends for those who make the same schema at the same moment as others."""
ATTEMPTS: Final = 20
COLD: Final = 60.0
"""Seconds in which a server is ready that has just been started."""

SCHEMA: Final = r"""
if (!graph.class.simpleName.startsWith('StandardJanusGraph')) return ['dialect']
if (graph.getConfiguration().isBatchLoading()) return ['batch']
if (graph.getConfiguration().allowVertexIdSetting()) return ['ids']
if (graph.configuration().getProperty('cache.db-cache')?.toString() == 'true') return ['cache']
def LOCK = org.janusgraph.core.schema.ConsistencyModifier.LOCK
def SINGLE = org.janusgraph.core.Cardinality.SINGLE
def TYPES = ['String': String, 'Long': Long, 'Boolean': Boolean]
def m = graph.openManagement()
boolean made = false
boolean done = false
try {
  def keys = [:]
  for (one in ask.keys) {
    def key = m.getPropertyKey(one.key)
    if (key == null) {
      key = m.makePropertyKey(one.key).dataType(TYPES[one.value]).cardinality(SINGLE).make()
      if (one.key in ask.locked) m.setConsistency(key, LOCK)
      made = true
    }
    if (key.dataType() != TYPES[one.value] || key.cardinality() != SINGLE) return ['key']
    keys[one.key] = key
  }
  for (label in ask.vertices) if (!m.containsVertexLabel(label)) { m.makeVertexLabel(label).make(); made = true }
  for (label in ask.edges) if (!m.containsEdgeLabel(label)) { m.makeEdgeLabel(label).make(); made = true }
  if (!m.containsEdgeLabel('PLACED')) {
    // On the shelf's side alone, so that nobody meets a shelf who walks from a node.
    m.makeEdgeLabel('PLACED').unidirected().sortKey(keys.place).signature(keys.text).make()
    made = true
  }
  for (one in ask.unique) {
    if (!m.containsGraphIndex(one.key)) {
      def index = m.buildIndex(one.key, Vertex).addKey(keys[one.value]).unique().buildCompositeIndex()
      if (one.value in ask.locked) m.setConsistency(index, LOCK)
      made = true
    }
    if (m.getGraphIndex(one.key).getIndexStatus(keys[one.value]).name() != 'ENABLED') return ['index']
  }
  if (made) {
    m.commit()
    done = true
  }
} finally { if (!done) m.rollback() }
graph.tx().rollback()
"""

BARE: Final = r"""
if (graph.class.simpleName.startsWith('StandardJanusGraph')) return ['dialect']
ask.unique.each { name, key -> if (!(key in graph.getIndexedKeys(Vertex))) graph.createIndex(key, Vertex) }
"""

FIRST: Final = r"""
def found = g.V().has('headwater', 'head').toList()
if (found.isEmpty()) {
  found = [graph.addVertex(T.label, 'LineageHead', 'headwater', 'head', 'state', ask.state, 'closed', '-', 'announced', '')]
  if (graph.features().graph().supportsTransactions()) graph.tx().commit()
}
['ready', found[0].id().toString(), found[0].value('state')]
"""


def prepare(dialect: Dialect) -> Statement:
    """Makes what is missing, and tells where the head is."""
    data = {
        "keys": KEYS,
        "locked": ["state", "headwater"],
        "vertices": [*LABELS.values(), SHELF, HEAD],
        "edges": [kind.value for kind in EDGE_KINDS if not kind.is_hidden],
        "unique": {"headwaterId": "id", "headwaterHead": "headwater"},
        "state": str(State.first()),
    }
    body = SCHEMA if dialect is Dialect.JANUSGRAPH else BARE
    return Statement("prepare", COMMON + body + FIRST, data, writes=True)


async def prepared(wire: Wire) -> tuple[str, State]:
    """The vertex of the head of a graph that is ready, and the state it is in. Raises `Misconfigured`, `Unavailable`."""

    def decode(answer: Answer) -> tuple[str, State]:
        if answer[0] != "ready":
            raise Misconfigured(REASONS[answer[0]])
        return answer[1], State.parse(answer[2])

    for attempt in range(ATTEMPTS):
        try:
            return await wire.run(prepare(wire.settings.dialect), decode, within=max(COLD, wire.settings.timeout))
        except ScriptFailed as error:
            if attempt == ATTEMPTS - 1 or not any(name.endswith(RACES) for name in error.classes):
                raise
            await asyncio.sleep(random() * 0.2)
    raise AssertionError
