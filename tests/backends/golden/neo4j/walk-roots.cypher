// reads
MATCH (e:_Epoch {id: 0})
WITH e.at AS at
CALL () {
  UNWIND $p.roots AS root
  MATCH (a:_Node {id: root[0]}) USING INDEX SEEK a:_Node(id)
  WHERE NOT a:_Hidden
  RETURN collect([id(a), root[1]]) AS roots
}
RETURN at, roots
// $p.roots = [["dataset:shop#orders", 0], ["operation:shop#load#0123456789abcdef", 2]]
