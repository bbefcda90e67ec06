r"""The scripts that change a Gremlin store, and the one that prepares it. See gremlin_scripts.py for what they begin with.

A turn is three transactions. The state moves on under its lock and beside it, in the same row and so at once, what the
turn touches and the whole change are put in place of those of the turn before. The change is done. The turn is closed: its
name is put into `closed`. Each can be done twice: whoever finds a turn that is not closed, and nobody at it, does it again
from its text. Since the text stays until the next turn, that is right even where it was closed long ago.
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
// A part of a change that is too large for one request, before it is announced. Nobody looks at it until then.
begin()
def h = vertex(ask.head)
if (head() == null) return ['gone']
h.addEdge('PLACED', h, 'place', ask.place, 'text', change)
commit()
['done']
"""

TURN: Final = r"""
def put = { v, String place, String text ->
  def there = slot(v, place)
  if (there.isEmpty()) v.addEdge('PLACED', v, 'place', place, 'text', text)
  else there[0].property('text', text)
}
def close = { ->
  begin()
  vertex(ask.head).property('closed', ask.token)
  commit()
}
begin()
def now = head()
if (now == null) return ['gone']
"""

WRITE: Final = r"""
if (now[0] != ask.expect || now[1] != '') return ['moved']
lookUp()
def h = vertex(ask.head)
h.property('state', ask.state)
h.property('announced', ask.announce)
put(h, 'change', change)
if (!moved()) return ['contended']
begin()
try { perform(parse(change), false) } catch (Throwable error) {
  begin()
  if (ask.cancelled && head()[0] == ask.state) {
    // Nothing of it is there: what cannot be done is not left for others to try for ever.
    vertex(ask.head).property('state', ask.cancelled)
    vertex(ask.head).property('closed', ask.cancelled.split(' ')[2])
    put(vertex(ask.head), 'change', ask.nothing)
    span(vertex(ask.head), ask.token + '.', ask.token + '/', Integer.MAX_VALUE).each { it.remove() }
    commit()
  }
  throw error
}
inTime()
commit()
if (ask.parts == 1) close()
['done', found.toString()]
"""

STEP: Final = r"""
// The next part of a change that was announced, unless somebody took it over.
if (now[0] != ask.state || now[1] == '') return ['moved']
lookUp()
perform(parse(slot(vertex(ask.head), ask.place)[0].value('text')), false)
inTime()
commit()
begin()
slot(vertex(ask.head), ask.place).each { it.remove() }
vertex(ask.head).property('announced', ask.announce)
commit()
if (ask.last) close()
['done', found.toString()]
"""

RECOVER: Final = r"""
// What a writer that is gone has announced is done by us: first it is made ours, then all of it that is left is done.
if (now[0] != ask.expect || now[1] == '') return ['moved']
vertex(ask.head).property('state', ask.state)
if (!moved()) return ['contended']
begin()
perform(parse(slot(vertex(ask.head), 'change')[0].value('text')), true)
inTime()
commit()
begin()
span(vertex(ask.head), ask.token + '.', ask.token + '/', Integer.MAX_VALUE).collect { it.value('place') }.each { place ->
  begin()
  def one = slot(vertex(ask.head), place)
  perform(parse(one[0].value('text')), true)
  inTime()
  commit()
  begin()
  slot(vertex(ask.head), place).each { it.remove() }
  commit()
}
close()
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
BODIES: Final = {
    "stash": STASH,
    "write": TURN + WRITE,
    "step": TURN + STEP,
    "recover": TURN + RECOVER,
    "drop": DROP,
}


def writing(dialect: Dialect, name: str) -> str:
    """The script of a write."""
    return prelude(dialect) + CHANGE + BODIES[name]
