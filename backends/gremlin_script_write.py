r"""The scripts that change a Gremlin store, and the one that prepares it. See gremlin_scripts.py for what they begin with.

A turn is three transactions. The state moves on under its lock and beside it, in the same row and so at once, what the
turn touches and the whole change are put in place of those of the turn before. The change is done. The turn is closed: its
name is put into `closed`. Each can be done twice: whoever finds a turn that is not closed, and nobody at it, does it again
from its text. Since the text stays until the next turn, that is right even where it was closed long ago.
"""

from typing import Final

from backends.gremlin_scripts import prelude
from backends.gremlin_settings import Dialect

TURNS: Final = r"""
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
def perform = { change, boolean again -> new Change(kept: kept, shelves: shelves).perform(change, again) }
"""

CHANGED: Final = r"""
@groovy.transform.CompileStatic
class Change {
  Kept kept
  Shelves shelves
  Map<String, Vertex> at = new HashMap<>()

  // Does what a change says. `again`: perhaps some of it was done, so everything is looked for first.
  void perform(Map<String, Object> change, boolean again) {
    List<List> nodes = (List<List>) change.get('nodes')
    find((Map<String, String>) change.get('at'), nodes, again)
    for (List one : nodes) node((String) one.get(0), (String) one.get(1), (Map<String, Object>) one.get(2))
    for (List one : (List<List>) change.get('edges')) {
      edge(at.get(one.get(0)), (String) one.get(1), at.get(one.get(2)), one.get(3) == 1, again)
    }
    List<List> entries = (List<List>) change.get('entries')
    if (again) {
      for (List one : entries) shelves.known.putIfAbsent((String) one.get(0), null)
      shelves.lookUp()
    }
    for (List one : entries) {
      String text = one.get(4) == null ? (String) one.get(2) : at.get(one.get(4)).id().toString()
      entry((String) one.get(0), (String) one.get(1), text, again || one.get(3) != 1)
    }
  }

  private void find(Map<String, String> where, List<List> nodes, boolean again) {
    if (again) {
      for (Vertex v : kept.named(where.keySet())) v.property('id').ifPresent { id -> at.put((String) id, v) }
      return
    }
    Set<Object> made = new HashSet<>()
    for (List one : nodes) made.add(one.get(0))
    // Neither there before nor made here: made by an earlier part of the same turn.
    List<String> others = new ArrayList<>()
    for (Map.Entry<String, String> one : where.entrySet()) {
      if (one.value != null) at.put(one.key, kept.vertex(one.value))
      else if (!made.contains(one.key)) others.add(one.key)
    }
    for (Vertex v : kept.named(others)) at.put((String) v.value('id'), v)
  }

  private void node(String id, String label, Map<String, Object> properties) {
    Vertex v = at.get(id)
    if (v == null) {
      v = kept.made(label, id)
      at.put(id, v)
    }
    for (Map.Entry<String, Object> one : properties.entrySet()) {
      Object value = one.value
      if (value == null) v.properties(one.key).each { VertexProperty it -> it.remove() }
      else v.property(one.key, value instanceof Integer ? ((Integer) value).longValue() : value)
    }
  }

  private void edge(Vertex s, String kind, Vertex t, boolean stands, boolean again) {
    if (again || !stands) {
      for (Edge e : kept.between(s, kind, t)) e.remove()
      // An edge lies in two rows, and one of them may be written without the other.
      if (again) {
        List<Edge> halves = t.edges(Direction.IN, kind).toList()
        for (Edge e : halves) if (e.outVertex().id() == s.id()) e.remove()
      }
    }
    if (stands) s.addEdge(kind, t)
  }

  private void entry(String name, String place, String text, boolean isLookedFor) {
    Vertex v = shelves.shelf(name)
    if (v == null) {
      v = kept.made('Shelf', name)
      shelves.learn(name, v)
    }
    List<Edge> there = isLookedFor ? shelves.slot(v, place) : Collections.<Edge>emptyList()
    if (text == null || there.size() > 1) for (Edge e : there) e.remove()
    if (text == null) return
    if (there.size() == 1) there.get(0).property('text', text)
    else v.addEdge('PLACED', v, 'place', place, 'text', text)
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
    return CHANGED + prelude(dialect) + TURNS + BODIES[name]
