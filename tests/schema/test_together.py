"""Which traversals answer what many links ask at once."""

from backends.model import FLOW, Direction, EdgeKind
from schema.together import Wanted, traversals_for
from schema.turns import Reach, Turn

UP, DOWN = Turn(Direction.UPSTREAM, columns=False), Turn(Direction.DOWNSTREAM, columns=False)
MEMBERS = Turn(Direction.DOWNSTREAM, columns=True)


def want(turn: Turn, hops: int | None, *starts: str, kinds: frozenset[EdgeKind] = FLOW) -> Wanted:
    return Wanted(frozenset(starts), turn, Reach(hops, kinds))


def made(*wanted: Wanted) -> list[tuple[str, int | None, dict[str, int]]]:
    traversals, answers = traversals_for(wanted, 100)
    assert len(answers) == len(wanted)
    for each, answer in zip(wanted, answers, strict=True):
        given = traversals[answer]
        assert given.direction in (each.turn.direction, Direction.BOTH)
        assert each.starts <= given.roots.keys()
        assert each.reach.edge_kinds <= given.edge_kinds
        if given.max_depth is not None:
            assert each.reach.hops is not None
            assert all(given.max_depth - given.roots[start] >= each.reach.hops for start in each.starts)
    return [(each.direction.name, each.max_depth, dict(each.roots)) for each in traversals]


def test_one_direction_is_one_and_each_start_goes_as_far_as_it_asked() -> None:
    assert made(want(UP, 5, "a"), want(UP, 3, "b")) == [("UPSTREAM", 5, {"a": 0, "b": 2})]
    assert made(want(UP, 5, "a", "b"), want(UP, 3, "b")) == [("UPSTREAM", 5, {"a": 0, "b": 0})]
    assert made(want(UP, None, "a"), want(UP, None, "b")) == [("UPSTREAM", None, {"a": 0, "b": 0})]


def test_what_goes_as_far_as_it_can_does_not_take_others_along() -> None:
    assert made(want(UP, 1, "b"), want(UP, None, "a")) == [("UPSTREAM", None, {"a": 0}), ("UPSTREAM", 1, {"b": 0})]
    assert made(want(UP, 1, "a"), want(UP, None, "a", "b")) == [("UPSTREAM", None, {"a": 0, "b": 0})]
    assert len(made(want(DOWN, 1, "a"), want(UP, None, "a"))) == 2


def test_both_directions_from_the_same_starts_about_as_far() -> None:
    assert made(want(UP, 5, "a"), want(DOWN, 3, "a")) == [("BOTH", 5, {"a": 0})]
    assert made(want(UP, None, "a"), want(DOWN, None, "a")) == [("BOTH", None, {"a": 0})]
    assert len(made(want(UP, 5, "a"), want(DOWN, 1, "a"))) == 2
    assert len(made(want(UP, 5, "a"), want(DOWN, None, "a"))) == 2
    assert len(made(want(UP, 5, "a"), want(DOWN, 5, "b"))) == 2


def test_layers_go_together_only_next_door() -> None:
    assert made(want(MEMBERS, 1, "a"), want(UP, 1, "a"), want(DOWN, 1, "a")) == [("BOTH", 1, {"a": 0})]
    assert len(made(want(MEMBERS, 1, "a"), want(DOWN, 3, "a"))) == 2
    assert len(made(want(MEMBERS, None, "a"), want(DOWN, None, "a"))) == 2


def test_nothing_asked_is_nothing_made() -> None:
    assert made() == []
    assert made(want(UP, 1)) == [("UPSTREAM", None, {})]
