r"""The scripts that change a Gremlin store, and the one that prepares it. See gremlin_scripts.py for what they begin with.

A write is three transactions: the intent (the state moves on under its lock, and beside it, in the same row, the whole
change and what it touches are put), the change, and the removal of the intent. Each can be repeated: whoever finds an
intent whose writer is gone does the rest from the text of it.
"""

from typing import Final

from backends.gremlin_scripts import prelude
from backends.gremlin_settings import Dialect

CHANGE: Final = r"""
def began = System.nanoTime()
// A writer that was stopped for long must not go on: by then another may have taken its intent over.
def inTime = { ->
  if ((System.nanoTime() - began).intdiv(1000000) > (ask.limit as long)) throw new java.util.concurrent.TimeoutException()
}
// The transaction that moves the state. Of those that race for it one goes through, the others are told.
def moved = { ->
  try {
    commit()
    return true
  } catch (Throwable error) {
    graph.tx().rollback()
    for (def cause = error; cause != null; cause = cause.getCause()) {
      if (cause.class.simpleName.endsWith('LockingException')) return false
    }
    throw error
  }
}
def wide = { x -> x instanceof Integer ? (x as long) : x }
// Does what a change says. `again`: perhaps some of it was done, so everything is looked for first.
def perform = { change, boolean again ->
  def at = [:]
  if (again) named(change.at.keySet() as List).each { v -> v.property('id').ifPresent { id -> at[id] = v } }
  else {
    change.at.each { id, where -> if (where != null) at[id] = vertex(where) }
    // Made by an earlier part of the same turn.
    def made = change.nodes.collect { it[0] } as Set
    def others = change.at.findAll { id, where -> where == null && !(id in made) }.collect { id, where -> id }
    named(others).each { v -> at[v.value('id')] = v }
  }
  change.nodes.each { one ->
    def v = at[one[0]]
    if (v == null) {
      v = graph.addVertex(T.label, one[1], 'id', one[0])
      at[one[0]] = v
    }
    one[2].each { key, value ->
      if (value == null) v.properties(key).each { it.remove() }
      else v.property(key, wide(value))
    }
  }
  change.edges.each { one ->
    def s = at[one[0]]
    def t = at[one[2]]
    if (again || !one[3]) {
      between(s, one[1], t).each { it.remove() }
      // An edge lies in two rows, and one of them may be written without the other.
      if (again) t.edges(Direction.IN, one[1]).findAll { it.outVertex().id() == s.id() }.each { it.remove() }
    }
    if (one[3]) s.addEdge(one[1], t)
  }
  def mine = change.entries.collect { it[0] } as Set
  if (again) mine.each { shelves.putIfAbsent(it, null) }
  if (again) lookUp()
  change.entries.each { one ->
    def v = shelf(one[0])
    if (v == null) {
      v = graph.addVertex(T.label, 'Shelf', 'id', one[0])
      shelves[one[0]] = v.id().toString()
      found << one[0] << '\u0000' << shelves[one[0]] << '\u0000'
    }
    def text = one[4] == null ? one[2] : at[one[4]].id().toString()
    def there = again || !one[3] ? slot(v, one[1]) : []
    if (text == null || there.size() > 1) there.each { it.remove() }
    if (text == null) return
    if (there.size() == 1) there[0].property('text', text)
    else v.addEdge('PLACED', v, 'place', one[1], 'text', text)
  }
}
"""

STASH: Final = r"""
// Parts of a change that is too large for one request, before it is announced. Nobody looks at them until then.
begin()
def h = vertex(ask.head)
if (head() == null) return ['gone']
h.addEdge('PLACED', h, 'place', ask.place, 'text', change)
commit()
['done']
"""

WRITE: Final = r"""
begin()
def now
try { now = head() } catch (NoSuchElementException nothing) { now = null }
if (now == null) return ['gone']
if (now[0] != ask.expect || now[1] != '') return ['moved']
lookUp()
def h = vertex(ask.head)
h.property('state', ask.state)
h.addEdge('PLACED', h, 'place', ask.turn + '~', 'text', ask.announce)
h.addEdge('PLACED', h, 'place', ask.turn + '.00000', 'text', change)
if (!moved()) return ['contended']
begin()
try { perform(parse(change), false) } catch (Throwable error) {
  // Nothing of it is there: what cannot be done is not left for others to try for ever.
  begin()
  if (ask.cancelled) {
    vertex(ask.head).property('state', ask.cancelled)
    span(vertex(ask.head), ask.turn, ask.turn + '\uffff', Integer.MAX_VALUE).each { it.remove() }
    commit()
  }
  throw error
}
inTime()
commit()
begin()
if (ask.parts == 1) span(vertex(ask.head), ask.turn, ask.turn + '\uffff', Integer.MAX_VALUE).each { it.remove() }
else slot(vertex(ask.head), ask.turn + '.00000').each { it.remove() }
commit()
['done', found.toString()]
"""

STEP: Final = r"""
// The next part of a change that was announced, unless somebody took it over.
begin()
def now = head()
if (now == null) return ['gone']
if (now[0] != ask.state) return ['moved']
lookUp()
perform(parse(slot(vertex(ask.head), ask.place)[0].value('text')), false)
inTime()
commit()
begin()
if (ask.last) span(vertex(ask.head), ask.turn, ask.turn + '\uffff', Integer.MAX_VALUE).each { it.remove() }
else {
  slot(vertex(ask.head), ask.place).each { it.remove() }
  slot(vertex(ask.head), ask.turn + '~')[0].property('text', ask.announce)
}
commit()
['done', found.toString()]
"""

RECOVER: Final = r"""
// What a writer that is gone has announced is done by us: first the intent is made ours, then all parts that are left.
begin()
def now
try { now = head() } catch (NoSuchElementException nothing) { now = null }
if (now == null) return ['gone']
if (now[0] != ask.expect || now[1] == '') return ['moved']
vertex(ask.head).property('state', ask.state)
if (!moved()) return ['contended']
begin()
def left = span(vertex(ask.head), ask.turn + '.', ask.turn + '/', Integer.MAX_VALUE)
def parts = left.collect { [it.value('place'), it.value('text')] }
parts.each { one ->
  begin()
  perform(parse(one[1]), true)
  inTime()
  commit()
  begin()
  slot(vertex(ask.head), one[0]).each { it.remove() }
  commit()
}
begin()
span(vertex(ask.head), ask.turn, ask.turn + '\uffff', Integer.MAX_VALUE).each { it.remove() }
commit()
['done', found.toString()]
"""

DROP: Final = r"""
// A shelf of the log that is older than what is kept.
begin()
if (head() == null) return ['gone']
def old = named(ask.names)
old.each { it.remove() }
commit()
['done', old.size()]
"""
BODIES: Final = {"stash": STASH, "write": WRITE, "step": STEP, "recover": RECOVER, "drop": DROP}


def writing(dialect: Dialect, name: str) -> str:
    """The script of a write."""
    return prelude(dialect) + CHANGE + BODIES[name]
