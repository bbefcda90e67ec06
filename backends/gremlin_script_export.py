r"""The script of a page of the topology: nodes in the order of their numbers, and the edges from them.

On JanusGraph a page is read beneath the transaction, a row of the store a vertex: one slice has the node's own properties
and all its edges. Asked by steps, or label by label, JanusGraph reads each row many times and keeps what it read.
"""

from typing import Final

from backends.gremlin_scripts import BEGIN, END, prelude
from backends.gremlin_settings import Dialect

JANUSGRAPH: Final = r"""
@groovy.transform.CompileStatic
class Rows {
  Kept kept
  Map<String, Integer> kinds
  Map<Object, String> names = new HashMap<>()
  Map<Object, Long> numbers = new HashMap<>()
  Set<Object> standing = new HashSet<>()
  Map<Object, List<Object>> ends = new HashMap<>()
  Map<Object, List<Integer>> codes = new HashMap<>()
  private Map<Long, String> types = new HashMap<>()

  // Ids, numbers and edges of nodes.
  void read(List<Object> ids) {
    def all = kept.graph.edgeSerializer.getQuery(org.janusgraph.graphdb.internal.RelationCategory.RELATION, false)
    each(ids, all)
  }

  // Numbers of nodes at the far ends.
  void number(Collection<Object> ids) {
    def key = (org.janusgraph.graphdb.internal.InternalRelationType) kept.tx().getPropertyKey('number')
    def none = new org.janusgraph.graphdb.database.EdgeSerializer.TypedInterval[0]
    each(ids, kept.graph.edgeSerializer.getQuery(key, Direction.OUT, none))
  }

  private void take(Object id, org.janusgraph.graphdb.relations.RelationCache one) {
    String type = typeOf(one.typeId)
    if (type == 'id') names.put(id, (String) one.value)
    else if (type == 'number') numbers.put(id, (Long) one.value)
    else if (type == 'standing') { if ((Boolean) one.value) standing.add(id) }
    else if (one.direction == Direction.OUT && kinds.containsKey(type)) {
      List<Object> far = ends.get(id)
      if (far == null) {
        far = new ArrayList<Object>()
        ends.put(id, far)
        codes.put(id, new ArrayList<Integer>())
      }
      far.add(one.otherVertexId)
      codes.get(id).add(kinds.get(type))
    }
  }

  private String typeOf(long id) {
    String name = types.get(id)
    if (name == null) {
      name = kept.tx().getExistingRelationType(id).name()
      types.put(id, name)
    }
    return name
  }

  private void each(Collection<Object> ids, org.janusgraph.diskstorage.keycolumnvalue.SliceQuery slice) {
    def tx = kept.tx()
    def manager = kept.graph.IDManager
    def serializer = kept.graph.edgeSerializer
    for (List<Object> some : new ArrayList<Object>(ids).collate(1000)) {
      Map<org.janusgraph.diskstorage.StaticBuffer, Object> rows = new LinkedHashMap<>()
      for (Object id : some) rows.put(manager.getKey(id), id)
      def keys = new ArrayList<org.janusgraph.diskstorage.StaticBuffer>(rows.keySet())
      def found = tx.txHandle.edgeStoreMultiQuery(keys, slice)
      for (Map.Entry<org.janusgraph.diskstorage.StaticBuffer, org.janusgraph.diskstorage.EntryList> one : found.entrySet()) {
        Object id = rows.get(one.key)
        for (org.janusgraph.diskstorage.Entry entry : one.value) take(id, serializer.readRelation(entry, false, tx))
      }
    }
  }
}
"""

TINKERPOP: Final = r"""
@groovy.transform.CompileStatic
class Rows {
  Kept kept
  Map<String, Integer> kinds
  Map<Object, String> names = new HashMap<>()
  Map<Object, Long> numbers = new HashMap<>()
  Set<Object> standing = new HashSet<>()
  Map<Object, List<Object>> ends = new HashMap<>()
  Map<Object, List<Integer>> codes = new HashMap<>()

  void read(List<Object> ids) {
    number(ids)
    for (Object id : ids) {
      Vertex v = kept.vertex(id.toString())
      names.put(id, (String) v.value('id'))
      if (v.property('standing').orElse(false)) standing.add(id)
      List<Edge> edges = v.edges(Direction.OUT, kinds.keySet() as String[]).toList()
      ends.put(id, edges.collect { Edge e -> e.inVertex().id() })
      codes.put(id, edges.collect { Edge e -> kinds.get(e.label()) })
    }
  }
  void number(Collection<Object> ids) {
    for (Object id : ids) numbers.put(id, (Long) kept.vertex(id.toString()).value('number'))
  }
}
"""

PAGE: Final = r"""
@groovy.transform.CompileStatic
class Export {
  static List run(Rows rows, List<Object> ids) {
    rows.read(ids)
    Set<Object> far = new HashSet<>()
    for (List<Object> some : rows.ends.values()) for (Object end : some) if (!rows.numbers.containsKey(end)) far.add(end)
    rows.number(far)
    def text = new StringBuilder()
    def node = new ByteArrayOutputStream()
    def nodes = new DataOutputStream(node)
    def edge = new ByteArrayOutputStream()
    def edges = new DataOutputStream(edge)
    def kind = new ByteArrayOutputStream()
    for (Object id : ids) {
      if (!rows.standing.contains(id)) continue
      text.append(rows.names.get(id)).append((char) 0)
      nodes.writeLong(rows.numbers.get(id))
      List<Object> ends = rows.ends.getOrDefault(id, Collections.emptyList())
      for (int i = 0; i < ends.size(); i++) {
        Long number = rows.numbers.get(ends.get(i))
        if (number == null) continue
        edges.writeLong(rows.numbers.get(id))
        edges.writeLong(number)
        kind.write(rows.codes.get(id).get(i))
      }
    }
    return [text.toString(), java.nio.ByteBuffer.wrap(node.toByteArray()), java.nio.ByteBuffer.wrap(edge.toByteArray()),
      java.nio.ByteBuffer.wrap(kind.toByteArray())]
  }
}
"""

TOPOLOGY: Final = r"""
int left = ask.most
List<Object> ids = []
ask.ranges.each { one ->
  def v = left > 0 ? shelf(one[0]) : null
  if (v != null) span(v, one[1], one[2], left).each { e ->
    left--
    ids << Kept.ref(e.value('text'))
  }
}
def parts = Export.run(new Rows(kept: kept, kinds: ask.kinds), ids)
"""
ANSWER: Final = """
[heads[0][0], heads[0][1], heads[1][0], heads[1][1], found.toString(), parts[0], parts[1], parts[2], parts[3]]
"""


def exporting(dialect: Dialect) -> str:
    """The script of a page of the topology."""
    rows = JANUSGRAPH if dialect is Dialect.JANUSGRAPH else TINKERPOP
    return rows + PAGE + prelude(dialect) + BEGIN + TOPOLOGY + END + ANSWER
