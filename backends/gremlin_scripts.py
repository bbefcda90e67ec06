r"""The scripts that run on a Gremlin server: constant Groovy, whose only input is the binding `data` (and `change`).

The store is vertices of nodes with the model's labels, standing edges with the model's kinds, and shelves: vertices of a
label of their own whose entries are edges from a shelf to itself, sorted by `place`, each with a `text`. JanusGraph keeps
the entries of a shelf in one row in that order, so a range of them is one slice, and what changes in one shelf in one
transaction changes as one. Of the head, which is a shelf too, the property `state` is the only thing that is locked.

Every read begins and ends with the state and what is announced (gremlin_state.py), in two transactions. Answers are few
texts; their parts end with NUL (`\u0000`), which no id, number or JSON document holds.
"""

from typing import Final

from backends.gremlin_settings import Dialect

COMMON: Final = r"""
def opened = { String s ->
  if (s.charAt(0) == (char) '{') return s
  new String(new java.util.zip.InflaterInputStream(new ByteArrayInputStream(s.decodeBase64())).bytes, 'UTF-8')
}
def parse = { String s -> new groovy.json.JsonSlurper().parseText(opened(s)) }
def ask = parse(data)
def graph = g.getGraph()
"""

JANUSGRAPH: Final = r"""
@groovy.transform.CompileStatic
class Kept {
  org.janusgraph.graphdb.database.StandardJanusGraph graph

  static Object ref(String at) { return at.isLong() ? at.toLong() : at }
  org.janusgraph.graphdb.transaction.StandardJanusGraphTx tx() {
    return (org.janusgraph.graphdb.transaction.StandardJanusGraphTx) graph.getCurrentThreadTx()
  }
  void begin() { graph.tx().rollback() }
  void commit() { graph.tx().commit() }
  Vertex made(String label, String id) { return tx().addVertex(T.label, label, 'id', id) }
  // Without a look whether it exists: such ids come from what was read, and the head is looked at first.
  Vertex vertex(String at) { return tx().getInternalVertex(ref(at)) }
  // A few hundred at once: what an engine does with a longer list takes time by the square of it.
  List<Vertex> named(Collection<String> ids) {
    List<Vertex> all = new ArrayList<>()
    for (List<String> some : new ArrayList<String>(ids).collate(200)) {
      for (Vertex v : tx().query().has('id', org.janusgraph.core.attribute.Contain.IN, some).vertices()) all.add(v)
    }
    return all
  }
  // A slice comes in the order of places by itself; asked to order it, JanusGraph would read all of the shelf and sort.
  Iterable<Edge> span(Vertex v, String low, String high, int most) {
    def query = ((org.janusgraph.core.JanusGraphVertex) v).query().labels('PLACED').direction(Direction.OUT)
    return (Iterable<Edge>) (Object) query.interval('place', low, high).limit(most).edges()
  }
  List<Edge> between(Vertex s, String kind, Vertex t) {
    def query = ((org.janusgraph.core.JanusGraphVertex) s).query().labels(kind).direction(Direction.OUT)
    List<Edge> all = new ArrayList<>()
    for (Edge e : query.adjacent(t).edges()) all.add(e)
    return all
  }
  // Of each vertex the values of some keys, in one batch.
  Map<Object, Map<String, Object>> values(Collection<Vertex> vs, Collection<String> keys) {
    Map<Object, Map<String, Object>> got = new LinkedHashMap<>()
    if (vs.isEmpty()) return got
    def query = tx().multiQuery((Collection<org.janusgraph.core.JanusGraphVertex>) (Object) vs)
    query.keys(keys as String[]).properties().each { v, ps ->
      Map<String, Object> one = new HashMap<>()
      for (p in ps) one.put(p.key(), p.value())
      got.put(v.id(), one)
    }
    return got
  }
}
"""

TINKERPOP: Final = r"""
@groovy.transform.CompileStatic
class Kept {
  org.apache.tinkerpop.gremlin.structure.Graph graph

  static Object ref(String at) { return at.isLong() ? at.toLong() : at }
  void begin() { }
  void commit() { }
  Vertex made(String label, String id) { return graph.addVertex(T.label, label, 'id', id) }
  Vertex vertex(String at) { return graph.vertices(ref(at)).next() }
  List<Vertex> named(Collection<String> ids) {
    List<Vertex> all = new ArrayList<>()
    for (List<String> some : new ArrayList<String>(ids).collate(200)) {
      all.addAll(graph.traversal().V().has('id', P.within(some)).toList())
    }
    return all
  }
  Iterable<Edge> span(Vertex v, String low, String high, int most) {
    List<Edge> all = new ArrayList<>()
    v.edges(Direction.OUT, 'PLACED').each { Edge e ->
      String place = e.value('place')
      if (place >= low && place < high) all.add(e)
    }
    all.sort { Edge a, Edge b -> ((String) a.value('place')) <=> ((String) b.value('place')) }
    return all.size() > most ? all.subList(0, most) : all
  }
  List<Edge> between(Vertex s, String kind, Vertex t) {
    return s.edges(Direction.OUT, kind).findAll { Edge e -> e.inVertex().id() == t.id() } as List<Edge>
  }
  Map<Object, Map<String, Object>> values(Collection<Vertex> vs, Collection<String> keys) {
    Map<Object, Map<String, Object>> got = new LinkedHashMap<>()
    for (Vertex v : vs) {
      Map<String, Object> one = new HashMap<>()
      v.properties(keys as String[]).each { VertexProperty p -> one.put(p.key(), p.value()) }
      got.put(v.id(), one)
    }
    return got
  }
}
"""

SHELVES: Final = r"""
// Shelves by name; those whose vertex is not known yet are looked up. Unknown ones are empty.
@groovy.transform.CompileStatic
class Shelves {
  Kept kept
  Map<String, String> known
  StringBuilder found = new StringBuilder()

  void lookUp() {
    List<String> unknown = new ArrayList<>()
    for (Map.Entry<String, String> one : known.entrySet()) if (one.value == null) unknown.add(one.key)
    for (Vertex v : kept.named(unknown)) learn((String) v.value('id'), v)
  }
  void learn(String name, Vertex v) {
    known.put(name, v.id().toString())
    found << name << '\u0000' << v.id().toString() << '\u0000'
  }
  Vertex shelf(String name) {
    String at = known.get(name)
    return at == null ? null : kept.vertex(at)
  }
  List<Edge> slot(Vertex v, String place) {
    List<Edge> all = new ArrayList<>()
    for (Edge e : kept.span(v, place, place + '\u0001', 1000)) all.add(e)
    return all
  }
}
"""

OPENED: Final = r"""
def kept = new Kept(graph: graph)
def begin = kept.&begin
def commit = kept.&commit
def vertex = kept.&vertex
def named = kept.&named
def span = kept.&span
def values = kept.&values
def shelves = new Shelves(kept: kept, known: ask.shelves ? new HashMap(ask.shelves) : [:])
def lookUp = shelves.&lookUp
def shelf = shelves.&shelf
def slot = shelves.&slot
def found = shelves.found
// The state and what is announced; null where this is not the store that was opened.
def head = { ->
  def h, state
  try {
    h = vertex(ask.head)
    state = h.property('state')
  } catch (NoSuchElementException | IllegalArgumentException error) {
    return null  // no such vertex, not even a key of that name: the graph is new
  }
  if (!state.isPresent()) return null
  def words = state.value().split(' ')
  if (words[0] != ask.store) return null
  [state.value(), h.value('closed') == words[2] ? '' : h.value('announced')]
}
"""

BEGIN: Final = r"""
def heads = []
begin()
heads << head()
if (heads[0] == null) return ['gone']
lookUp()
"""

END: Final = r"""
begin()
heads << head()
if (heads[1] == null) return ['gone']
"""

LOOK: Final = r"""
def keys = ask.facets ? ['id', 'number', 'said', 'facets', 'alias', 'names'] : ['id', 'number', 'said', 'alias', 'names']
def nodes = new StringBuilder()
values(named(ask.ids) + ask.ats.collect { vertex(it) }, keys).each { at, row ->
  if (row.id == null) return
  nodes << row.id << '\u0000' << at.toString() << '\u0000' << (row.number == null ? '' : row.number) << '\u0000'
  nodes << (row.said ?: '') << '\u0000' << (row.facets ?: '') << '\u0000' << (row.alias ?: '') << '\u0000'
  nodes << (row.names ?: '') << '\u0000'
}
def texts = new StringBuilder()
// A transaction compares each slice of a shelf with all it has read of it: after a hundred it is cheaper to begin anew.
ask.slots.collate(100).each { some ->
  if (ask.slots.size() > 100) begin()
  some.each { one ->
    def v = shelf(one[0])
    def es = v == null ? [] : slot(v, one[1])
    if (!es.isEmpty()) texts << es[0].value('text')
    texts << '\u0000'
  }
}
"""

NEAR: Final = r"""
// All entries that begin as asked: those of edges from some nodes with their texts, of edges to them the places.
def entries = new StringBuilder()
ask.out.each { one ->
  def v = shelf(one[0])
  if (v != null) span(v, one[1], one[1] + '\uffff', Integer.MAX_VALUE).each { e ->
    entries << e.value('place') << '\u0000' << e.value('text') << '\u0000'
  }
}
def places = new StringBuilder()
ask.into.each { one ->
  def v = shelf(one[0])
  if (v != null) span(v, one[1], one[1] + '\uffff', Integer.MAX_VALUE).each { e -> places << e.value('place') << '\u0000' }
}
"""

RANGES: Final = r"""
// Ranges one after the other: `most` entries in all, or of each; or only their number.
int left = ask.most
int count = 0
def last = ''
def entries = new StringBuilder()
ask.ranges.each { one ->
  if (ask.each) left = ask.most
  def v = left > 0 ? shelf(one[0]) : null
  if (v != null) span(v, one[1], one[2], left).each { e ->
    left--
    count++
    last = one[0]
    if (!ask.count) entries << e.value('place') << '\u0000' << e.value('text') << '\u0000'
  }
}
"""

FIND: Final = r"""
// What is in at least one range of every group: the last part of its place, and its text.
def together = null
ask.all.each { group ->
  def some = new HashMap()
  if (together == null || !together.isEmpty()) group.each { one ->
    def v = shelf(one[0])
    if (v != null) span(v, one[1], one[2], Integer.MAX_VALUE).each { e ->
      def text = e.value('text')
      if (one[3] && !text.startsWith(one[3])) return
      def place = e.value('place')
      def id = place.substring(place.lastIndexOf('\uf8ff') + 1)
      if (together == null || together.containsKey(id)) some.put(id, text)
    }
  }
  together = some
}
def entries = new StringBuilder()
together.each { id, text -> entries << id << '\u0000' << text << '\u0000' }
"""

LOG: Final = r"""
// Entries of the log from a place on, until there are enough of them.
def entries = new StringBuilder()
if ((heads[0][0].split(' ')[4] as long) > (ask.seq as long)) ask.log.each { name ->
  def v = entries.length() < (ask.most as int) ? shelf(name) : null
  if (v != null) for (e in span(v, ask.place, '~', 1000)) {
    entries << e.value('text') << '\u0000'
    if (entries.length() >= (ask.most as int)) break
  }
}
"""

HEADS: Final = "[heads[0][0], heads[0][1], heads[1][0], heads[1][1], found.toString()"
BODIES: Final = {
    "look": LOOK + END + HEADS + ", nodes.toString(), texts.toString()]",
    "near": NEAR + END + HEADS + ", entries.toString(), places.toString()]",
    "ranges": RANGES + END + HEADS + ", entries.toString(), count, last]",
    "find": FIND + END + HEADS + ", entries.toString()]",
    "log": LOG + "[heads[0][0], heads[0][1], heads[0][0], heads[0][1], found.toString(), entries.toString()]",
}
"""What each read does, and how it answers: two heads, shelves that were looked up, and its own."""


def prelude(dialect: Dialect) -> str:
    """What all scripts begin with."""
    return (JANUSGRAPH if dialect is Dialect.JANUSGRAPH else TINKERPOP) + SHELVES + COMMON + OPENED


def reading(dialect: Dialect, name: str) -> str:
    """The script of a read."""
    return prelude(dialect) + BEGIN + BODIES[name]
