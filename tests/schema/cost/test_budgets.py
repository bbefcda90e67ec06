"""What clients may spend: it is taken, it comes back, and who is who."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.cost.budgets import Budget, Budgets, client_of


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_spent_comes_back_with_time() -> None:
    clock = Clock()
    budget = Budget(100, 10, clock)
    assert budget.take(90) == 0
    assert budget.take(30) == pytest.approx(2)
    assert budget.left() == pytest.approx(10)
    clock.now += 1.9
    assert budget.take(30) == pytest.approx(0.1)
    clock.now += 0.2
    assert budget.take(30) == 0
    clock.now += 1_000
    assert budget.left() == 100
    assert budget.take(100) == 0
    assert budget.take(1) == pytest.approx(0.1)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 3)), max_size=60))
def test_nobody_gets_more_than_there_is(steps: list[tuple[float, float]]) -> None:
    """In any stretch of time: what was there at the most, and what came back meanwhile."""
    clock = Clock()
    budget = Budget(100, 10, clock)
    spent = 0.0
    for cost, passed in steps:
        wait = budget.take(cost)
        spent += 0 if wait else cost
        assert spent <= 100 + 10 * (clock.now - 1_000) + 1e-6
        assert 0 <= budget.left() <= 100
        if wait:
            clock.now += wait + 1e-6
            assert budget.take(cost) == 0
            spent += cost
        clock.now += passed


def test_clients_have_budgets_of_their_own_and_so_many_are_remembered() -> None:
    budgets = Budgets(100, 1, clients=2, clock=Clock())
    assert budgets.of("a").take(100) == 0
    assert budgets.of("b").take(100) == 0
    assert budgets.of("a").take(1) > 0
    budgets.of("c")
    assert budgets.of("a").take(1) > 0
    assert budgets.of("b").take(100) == 0  # was heard of longest ago


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        (("10.1.2.3", 5), "10.1.2.3"),
        (("2001:db8:1:2:3::4", 5, 0, 0), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::9", 5, 0, 0), "2001:db8:1:2::/64"),
        (("::ffff:10.1.2.3", 5), "10.1.2.3"),
        (("fe80::1%eth0", 5), "fe80::/64"),
        (("testclient", 5), "testclient"),
        (("", 0), ""),
        (None, ""),
    ],
)
def test_a_client_is_an_address_or_a_network(peer: object, client: str) -> None:
    assert client_of(peer) == client
