"""What all tests share: how much chance they get, what may be absent on a desk, and the event loop they run on."""

import os
from collections.abc import Callable, Mapping
from random import randrange
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, settings

# The same examples each time, so that a red build is about the change and not about luck. HYPOTHESIS_PROFILE=soak looks
# for new ones, in the random cases of the backends' suite too, which say their seed.
QUIET = [HealthCheck.too_slow]
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
settings.register_profile("quick", max_examples=60, derandomize=True, deadline=None, suppress_health_check=QUIET)
settings.register_profile("soak", max_examples=2_000, deadline=None, suppress_health_check=QUIET)
settings.load_profile(PROFILE)
if PROFILE == "soak":
    os.environ.setdefault("HEADWATER_CASES", "2000")
    os.environ.setdefault("HEADWATER_FIRST_CASE", str(randrange(10**9)))


def require(name: str, present: object, reason: str) -> None:
    """Skips the test unless what it needs is `present`; fails instead where HEADWATER_REQUIRE names it.

    HEADWATER_REQUIRE is a list of names (`neo4j,data`) or `all`: a build server says what it has, so that a test which
    silently stopped running there is red.
    """
    if present:
        return
    wanted = os.environ.get("HEADWATER_REQUIRE", "").replace(",", " ").split()
    if name in wanted or "all" in wanted:
        pytest.fail(f"HEADWATER_REQUIRE asks for {name}: {reason}")
    pytest.skip(reason)


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], Any]]:
    """Async tests run on the loop that the service runs on."""
    return {"uvloop": uvloop.new_event_loop}
