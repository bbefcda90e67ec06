// writes
MATCH (e:_Epoch {id: 0}) SET e.locked = true
WITH e WHERE e.writes = $p.writes
SET e.writes = $p.writes + 1, e.at = $p.at, e.next = $p.next, e.watermark = $p.watermark, e.revision = $p.revision
WITH e
CALL () {
  UNWIND $p.made AS x
  CREATE (n:_Node:$(x[0])) SET n += x[1], n._number = x[2], n.id = x[3]
  RETURN collect(n) AS made
}
CALL () {
  UNWIND $p.ends AS element
  OPTIONAL MATCH (n) WHERE elementId(n) = element
  RETURN collect([n]) AS ends
}
WITH made, [end IN ends | end[0]] AS ends
CALL () {
  UNWIND $p.told AS x
  MATCH (n) WHERE elementId(n) = x[0]
  SET n += x[1]
}
CALL () {
  UNWIND $p.flipped AS x
  MATCH (n) WHERE elementId(n) = x[0]
  REMOVE n:$(x[1]) SET n:$(x[2])
}
CALL (made, ends) {
  UNWIND $p.came AS x
  WITH x, CASE WHEN x[0] < 0 THEN ends[-1 - x[0]] ELSE made[x[0]] END AS s,
    CASE WHEN x[2] < 0 THEN ends[-1 - x[2]] ELSE made[x[2]] END AS t
  CREATE (s)-[r:$(x[1])]->(t) SET r = x[3]
}
CALL (made, ends) {
  UNWIND $p.risen AS x
  MATCH (h) WHERE elementId(h) = x[4]
  WITH x, h, CASE WHEN x[0] < 0 THEN ends[-1 - x[0]] ELSE made[x[0]] END AS s,
    CASE WHEN x[2] < 0 THEN ends[-1 - x[2]] ELSE made[x[2]] END AS t
  CREATE (s)-[r:$(x[1])]->(t)
  SET r.tallies = h.tallies, r.facts = h.facts, r += x[3]
  DELETE h
}
CALL () {
  UNWIND $p.sunk AS x
  MATCH (s:_Node {id: x[0]}) USING INDEX SEEK s:_Node(id)
  MATCH (t:_Node {id: x[2]}) USING INDEX SEEK t:_Node(id)
  UNWIND [(s)-[r:INPUT_TO|PRODUCES|USED_IN_TRAINING|GENERATED|DERIVES|CONFIGURED_WITH|EVALUATED_WITH|PERFORMED|HOSTED|HAS_COLUMN|HAS_OPERATION]->(t) WHERE type(r) = x[1] AND r.tallies IS NOT NULL | r] AS r
  CREATE (h:_Edge)
  SET h.source = x[0], h.kind = x[1], h.target = x[2], h.tallies = r.tallies, h.facts = r.facts, h += x[3]
  DELETE r
}
CALL () {
  UNWIND $p.restated AS x
  MATCH (s:_Node {id: x[0]}) USING INDEX SEEK s:_Node(id)
  MATCH (t:_Node {id: x[2]}) USING INDEX SEEK t:_Node(id)
  UNWIND [(s)-[r:INPUT_TO|PRODUCES|USED_IN_TRAINING|GENERATED|DERIVES|CONFIGURED_WITH|EVALUATED_WITH|PERFORMED|HOSTED|HAS_COLUMN|HAS_OPERATION]->(t) WHERE type(r) = x[1] AND r.tallies IS NOT NULL | r] AS r
  SET r += x[3]
}
CALL () {
  UNWIND $p.kept AS x
  CREATE (h:_Edge) SET h = x
}
CALL () {
  UNWIND $p.rekept AS x
  MATCH (h) WHERE elementId(h) = x[0]
  SET h += x[1]
}
CALL () {
  UNWIND $p.records AS x
  MERGE (c:_Record {id: x[0]}) SET c += x[1]
}
CALL () {
  UNWIND $p.removed AS id
  MATCH (c:_Record {id: id}) USING INDEX SEEK c:_Record(id)
  DELETE c
}
CALL () {
  UNWIND $p.unlisted AS x
  MATCH (m:_Listed) WHERE m.group = x[0] AND m.place = x[1] AND m.id = x[2]
  DELETE m
}
CALL () {
  UNWIND $p.listed AS x
  CREATE (:_Listed {group: x[0], place: x[1], id: x[2]})
}
CALL () {
  UNWIND $p.log AS x
  CREATE (:_Log {seq: x[0], rows: x[1]})
}
RETURN $p.at AS at
// $p.at = [14, 7865649704763430989]
// $p.came = [[-1, "PRODUCES", 0, {"tallies": ["told"], "facts": ["{\"origin\":\"client\"}"]}]]
// $p.ends = ["e:load", "e:old"]
// $p.flipped = [["e:old", "_Hidden", "Dataset"]]
// $p.kept = [{"source": "dataset:shop#orders", "kind": "PAIR", "target": "dataset:shop#mart", "tallies": ["tally:orders"], "facts": ["{}"], "retracted_at": null}, {"source": "operation:shop#load#0123456789abcdef", "kind": "PRODUCES", "target": "dataset:shop#gone", "tallies": ["told"], "facts": ["{}"], "retracted_at": null}]
// $p.listed = [["h", -6, "tally:orders"], ["i", -6, "tally:orders"], ["job:a", -1, "run:7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10"]]
// $p.log = [[14, "[[4,0,0,1,null,113697284045768369],[1,0,3,-1,\"dataset:shop#mart\",3293609543240251055],[1,0,2,-1,\"dataset:shop#old\",6410529141041855593],[3,1,1,3,null,1953821332960647713],[3,1,1,2,null,7865649704763430989]]"]]
// $p.made = [["Dataset", {"owners": ["ana"], "rows": 9, "name": "mart", "namespace": "shop", "_version": 1, "_said": "{\"owners\":[1,[\"ana\"]],\"sizes\":[1,[1,2]],\"rows\":[1,9]}", "_terms": ["k0", "sf713a3f6cea4b64e6aed", "ea714f37b96b6e22f9835", "e7d6f85a2ae3e5f9a14f9", "nmart", "wshop", "wana"], "_name": "mart", "_size": 4}, 3, "dataset:shop#mart"], ["_Hidden", {"name": "gone", "namespace": "shop", "_version": 1, "_deleted": 3}, 4, "dataset:shop#gone"]]
// $p.next = 5
// $p.records = [["tally:orders", {"value": "{\"runs\":4}", "version": 4, "rank": 6, "groups": ["h", "i"]}], ["run:7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10", {"value": "{\"state\":\"COMPLETE\"}", "version": 1, "rank": 1, "groups": ["job:a"]}]]
// $p.rekept = []
// $p.removed = []
// $p.restated = []
// $p.revision = 7
// $p.risen = [[-1, "PRODUCES", -2, {}, "h:writes"]]
// $p.sunk = [["dataset:shop#orders", "INPUT_TO", "operation:shop#load#0123456789abcdef", {"tallies": null, "facts": null, "retracted_at": 1754000000000000}]]
// $p.told = [["e:orders", {"_version": 2, "_first": 1, "_last": 2, "_deleted": null, "_withdrawn": null, "_alias": null, "_said": "{\"type\":[2,\"view\"],\"tags\":[2,null]}", "_facets": "{\"facet:x\":[2,{}]}", "tags": null, "type": "view", "_terms": ["k0", "sf713a3f6cea4b64e6aed", "e0944d23ed971f9bf3eec", "ee8bb671471c9a0afefdb", "norders", "wshop"], "_name": "orders", "_size": 6, "_tail": null, "_folded": null}], ["e:old", {"_version": 2, "_first": null, "_last": null, "_deleted": null, "_withdrawn": null, "_alias": null, "_terms": ["k0", "ta2bb6a2965ab31be5867", "sf713a3f6cea4b64e6aed", "e5c200481d35ce4e41e4b", "e57e9b02f710abf715565", "nold", "wshop", "wpii"], "_name": "old", "_size": 3, "_tail": null, "_folded": null}]]
// $p.unlisted = [["g", -5, "tally:orders"], ["h", -5, "tally:orders"]]
// $p.watermark = 8
// $p.writes = 12
