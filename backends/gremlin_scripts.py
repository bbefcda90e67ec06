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
def ref = { String at -> at.isLong() ? at.toLong() : at }
def named = { ids -> ids.isEmpty() ? [] : g.V().has('id', P.within(ids)).toList() }
"""

JANUSGRAPH: Final = r"""
def begin = { -> graph.tx().rollback() }
def commit = { -> graph.tx().commit() }
// Without a look whether it exists: such ids come from what was read, and the head is looked at first.
def vertex = { String at -> graph.getCurrentThreadTx().getInternalVertex(ref(at)) }
// A slice comes in the order of places by itself; asked to order it, JanusGraph would read all of the shelf and sort.
def span = { v, String low, String high, int most ->
  v.query().labels('PLACED').direction(Direction.OUT).interval('place', low, high).limit(most).edges()
}
def between = { s, String kind, t -> s.query().labels(kind).direction(Direction.OUT).adjacent(t).edges().toList() }
// Of each vertex the values of some keys, in one batch.
def values = { vs, keys ->
  def got = [:]
  if (vs.isEmpty()) return got
  graph.getCurrentThreadTx().multiQuery(vs as Collection).keys(keys as String[]).properties().each { v, ps ->
    def one = [:]
    ps.each { p -> one[p.key()] = p.value() }
    got[v.id()] = one
  }
  got
}
"""

TINKERPOP: Final = r"""
def begin = { -> }
def commit = { -> }
def vertex = { String at -> graph.vertices(ref(at)).next() }
def span = { v, String low, String high, int most ->
  def all = v.edges(Direction.OUT, 'PLACED').findAll { e -> def p = e.value('place'); p >= low && p < high }
  all.sort { a, b -> a.value('place') <=> b.value('place') }.take(Math.min(most, all.size()))
}
def between = { s, String kind, t -> s.edges(Direction.OUT, kind).findAll { e -> e.inVertex().id() == t.id() } }
def values = { vs, keys ->
  def got = [:]
  vs.each { v ->
    def one = [:]
    v.properties(keys as String[]).each { p -> one[p.key()] = p.value() }
    got[v.id()] = one
  }
  got
}
"""

SHELVES: Final = r"""
def slot = { v, String place -> span(v, place, place + '\u0001', 1000).toList() }
// Shelves by name; those whose vertex is not known yet are looked up. Unknown ones are empty.
def shelves = [:]
if (ask.shelves) shelves.putAll(ask.shelves)
def found = new StringBuilder()
def lookUp = { ->
  def unknown = shelves.findAll { name, at -> at == null }.collect { name, at -> name }
  named(unknown).each { v ->
    def name = v.value('id')
    shelves[name] = v.id().toString()
    found << name << '\u0000' << shelves[name] << '\u0000'
  }
}
def shelf = { String name -> shelves[name] == null ? null : vertex(shelves[name]) }
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
ask.slots.each { one ->
  def v = shelf(one[0])
  def es = v == null ? [] : slot(v, one[1])
  if (!es.isEmpty()) texts << es[0].value('text')
  texts << '\u0000'
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
    return COMMON + (JANUSGRAPH if dialect is Dialect.JANUSGRAPH else TINKERPOP) + SHELVES


def reading(dialect: Dialect, name: str) -> str:
    """The script of a read."""
    return prelude(dialect) + BEGIN + BODIES[name]
