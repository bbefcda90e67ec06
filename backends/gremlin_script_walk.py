r"""The script of a traversal: breadth first on the server, so that one request has exact levels and all edges.

Vertices are known by the ids the engine gave them; only for those of the answer the ids and numbers of nodes are read. On
JanusGraph each level is one batch of slices of which only the far ends are decoded (`vertexIds`), which is several times
faster than steps of Gremlin. It is compiled statically, since at ten thousand nodes dynamic Groovy would cost most of it.
"""

from typing import Final

from backends.gremlin_scripts import BEGIN, END, prelude
from backends.gremlin_settings import Dialect

JANUSGRAPH: Final = r"""
import org.apache.tinkerpop.gremlin.structure.Direction
import org.janusgraph.core.JanusGraphTransaction
import org.janusgraph.core.JanusGraphVertex
import org.janusgraph.core.VertexList

@groovy.transform.CompileStatic
class Lineage {
  JanusGraphTransaction tx

  // Of each vertex the ids at the other ends of its edges.
  Map<Object, List<Object>> around(Collection<Object> ids, Direction way, String[] kinds) {
    Map<Object, List<Object>> found = new HashMap<>()
    for (List<Object> some : ids.collate(5000)) {
      tx.multiQuery(vertices(some)).labels(kinds).direction(way).vertexIds().each { JanusGraphVertex v, VertexList far ->
        List<Object> ends = new ArrayList<>(far.size())
        for (int i = 0; i < far.size(); i++) ends.add(far.getID(i))
        found.put(v.id(), ends)
      }
    }
    return found
  }

  // The ids and numbers of nodes.
  void name(Collection<Object> ids, Map<Object, String> names, Map<Object, Long> numbers) {
    for (List<Object> some : ids.collate(5000)) {
      tx.multiQuery(vertices(some)).keys('id', 'number').properties().each { v, ps ->
        ps.each { p ->
          if (p.key() == 'id') names.put(v.id(), (String) p.value())
          else numbers.put(v.id(), (Long) p.value())
        }
      }
    }
  }

  private List<JanusGraphVertex> vertices(List<Object> ids) {
    List<JanusGraphVertex> found = new ArrayList<>(ids.size())
    def inside = (org.janusgraph.graphdb.transaction.StandardJanusGraphTx) tx
    for (Object id : ids) found.add(inside.getInternalVertex(id))
    return found
  }
}
"""

TINKERPOP: Final = r"""
import org.apache.tinkerpop.gremlin.structure.Direction

@groovy.transform.CompileStatic
class Lineage {
  org.apache.tinkerpop.gremlin.structure.Graph tx

  Map<Object, List<Object>> around(Collection<Object> ids, Direction way, String[] kinds) {
    Map<Object, List<Object>> found = new HashMap<>()
    for (Object id : ids) {
      List<Object> ends = new ArrayList<>()
      tx.vertices(id).next().vertices(way, kinds).each { ends.add(it.id()) }
      found.put(id, ends)
    }
    return found
  }

  void name(Collection<Object> ids, Map<Object, String> names, Map<Object, Long> numbers) {
    for (Object id : ids) {
      def v = tx.vertices(id).next()
      names.put(id, (String) v.value('id'))
      numbers.put(id, (Long) v.value('number'))
    }
  }
}
"""

WALK: Final = r"""
@groovy.transform.CompileStatic
class Walk {
  Lineage graph
  String[] kinds
  int deepest
  long most
  Map<Object, String> names = new HashMap<>()
  Map<Object, Long> numbers = new HashMap<>()
  Map<Object, List<Object>> out = new HashMap<>()
  Map<Object, List<Object>> into = new HashMap<>()
  Set<Object> seen = new HashSet<>()
  boolean cut = false

  // The least depth of all that is within reach one way. Where only one way is asked for (`alone`) it ends at the level
  // that is more than enough: which nodes are the nearest is known by then.
  Map<Object, Integer> reach(Map<Object, Integer> roots, Direction way, boolean alone) {
    Map<Object, Integer> depths = new HashMap<>(roots)
    TreeMap<Integer, List<Object>> waiting = new TreeMap<>()
    roots.each { id, depth -> waiting.computeIfAbsent(depth, { new ArrayList<Object>() }).add(id) }
    Map<Object, List<Object>> known = way == Direction.OUT ? out : into
    long count = 0
    while (!waiting.isEmpty()) {
      def first = waiting.pollFirstEntry()
      int depth = first.key
      // One that waited here may have been met nearer since.
      List<Object> level = new ArrayList<>()
      for (Object id : first.value) if (depths.get(id) == depth) level.add(id)
      count += level.size()
      if (kinds.length == 0 || depth >= deepest || (alone && count > most)) continue
      Map<Object, List<Object>> around = graph.around(level, way, kinds)
      known.putAll(around)
      for (Object id : level) for (Object end : around.getOrDefault(id, [])) {
        Integer was = depths.get(end)
        if (was == null || was > depth + 1) {
          depths.put(end, depth + 1)
          waiting.computeIfAbsent(depth + 1, { new ArrayList<Object>() }).add(end)
        }
      }
    }
    return depths
  }

  // Ids are compared by code points, Java compares UTF-16 units: above the surrogates these differ.
  static int compare(String a, String b) {
    int end = Math.min(a.length(), b.length())
    for (int i = 0; i < end; i++) {
      int x = (int) a.charAt(i)
      int y = (int) b.charAt(i)
      if (x == y) continue
      if (x >= 0xd800 && y >= 0xd800) {
        if (x >= 0xe000) x -= 0x2800
        if (y >= 0xe000) y -= 0x2800
      }
      return Integer.compare(x, y)
    }
    return a.length() - b.length()
  }

  // The nearest, ties by id.
  List<Object> nearest(Map<Object, Integer> least) {
    if (least.size() <= most) {
      graph.name(least.keySet(), names, numbers)
      return new ArrayList<>(least.keySet())
    }
    cut = true
    Map<Integer, List<Object>> levels = new TreeMap<>()
    least.each { id, depth -> levels.computeIfAbsent(depth, { new ArrayList<Object>() }).add(id) }
    List<Object> kept = new ArrayList<>()
    for (List<Object> level : levels.values()) {
      int room = (int) (most - kept.size())
      if (room == 0) break
      graph.name(level, names, numbers)
      if (level.size() > room) {
        level.sort { a, b -> compare(names.get(a), names.get(b)) }
        level = level.subList(0, room)
      }
      kept.addAll(level)
    }
    return kept
  }

  List run(Map<Object, Integer> roots, boolean down, boolean up) {
    Map<Object, Integer> below = down ? reach(roots, Direction.OUT, !up) : roots
    Map<Object, Integer> above = up ? reach(roots, Direction.IN, !down) : roots
    Map<Object, Integer> least = new HashMap<>(below)
    above.each { id, depth -> least.merge(id, depth) { Integer a, Integer b -> Math.min(a, b) } }
    seen = least.keySet()
    List<Object> kept = nearest(least)
    Map<Object, Integer> places = new HashMap<>()
    for (Object id : kept) places.put(id, places.size())
    // All edges among the kept, the last level's too: each at the end from which most were read already.
    Map<Object, List<Object>> known = down ? out : into
    if (kinds.length > 0) {
      List<Object> rest = new ArrayList<>()
      for (Object id : kept) if (!known.containsKey(id)) rest.add(id)
      if (!rest.isEmpty()) known.putAll(graph.around(rest, down ? Direction.OUT : Direction.IN, kinds))
    }
    def text = new StringBuilder()
    def node = new ByteArrayOutputStream()
    def nodes = new DataOutputStream(node)
    def edge = new ByteArrayOutputStream()
    def edges = new DataOutputStream(edge)
    for (Object id : kept) {
      text.append(names.get(id)).append((char) 0)
      nodes.writeLong(numbers.get(id))
      nodes.writeInt(least.get(id))
      nodes.writeInt((above.containsKey(id) ? 1 : 0) | (below.containsKey(id) ? 2 : 0))
      for (Object end : known.getOrDefault(id, [])) {
        Integer place = places.get(end)
        if (place == null) continue
        edges.writeInt(down ? places.get(id) : place)
        edges.writeInt(down ? place : places.get(id))
      }
    }
    return [text.toString(), java.nio.ByteBuffer.wrap(node.toByteArray()), java.nio.ByteBuffer.wrap(edge.toByteArray())]
  }

  // The numbers of what was looked at and is not in the answer.
  java.nio.ByteBuffer beyond() {
    List<Object> rest = new ArrayList<>()
    for (Object id : seen) if (!numbers.containsKey(id)) rest.add(id)
    graph.name(rest, names, numbers)
    def number = new ByteArrayOutputStream()
    def all = new DataOutputStream(number)
    for (Object id : seen) all.writeLong(numbers.get(id))
    return java.nio.ByteBuffer.wrap(number.toByteArray())
  }
}
"""

ASKED: Final = r"""
def wanted = [:]
ask.roots.each { one -> wanted[one[0]] = one[1] as int }
def roots = [:]
named(wanted.keySet()).each { v -> if (v.property('standing').orElse(false)) roots[v.id()] = wanted[v.value('id')] }
def lineage = new Lineage(tx: TX)
def walk = new Walk(graph: lineage, kinds: ask.kinds as String[], deepest: ask.deepest as int, most: ask.most as long)
def answer = walk.run(roots, ask.down, ask.up)
"""

CHANGED: Final = r"""
// Where something was written meanwhile: what was looked at, and the log since, tell whether it matters.
def numbers = null
def entries = new StringBuilder()
if (heads[0] != heads[1] || heads[0][1] != '') {
  walk.graph.tx = TX
  numbers = walk.beyond()
  ask.log.each { name ->
    def v = shelf(name)
    if (v != null) span(v, ask.place, '~', 1000).each { e -> entries << e.value('text') << '\u0000' }
  }
}
"""
ANSWER: Final = """
[heads[0][0], heads[0][1], heads[1][0], heads[1][1], found.toString(), answer[0], answer[1], answer[2], walk.cut, numbers,
 entries.toString()]
"""


def _classes(dialect: Dialect) -> str:
    return JANUSGRAPH if dialect is Dialect.JANUSGRAPH else TINKERPOP


def _told(script: str, dialect: Dialect) -> str:
    return script.replace("TX", "graph.getCurrentThreadTx()" if dialect is Dialect.JANUSGRAPH else "graph")


def walking(dialect: Dialect) -> str:
    """The script of a traversal."""
    body = _told(ASKED + END + CHANGED, dialect) + ANSWER
    return _classes(dialect) + WALK + prelude(dialect) + BEGIN + body
