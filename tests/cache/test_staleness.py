"""No answer is stale: replayed against the history, each equals the graph at an epoch between the last write acknowledged
before the question and the answer. And the harness that says so catches every weakened copy of the rules."""

import pytest

from backends.errors import BackendError
from tests.cache.harness.inside import run
from tests.cache.harness.stores import Slow, Torn
from tests.cache.harness.weakened import BY_NAME

NEEDS_TEARS = {"no_check_after_computing"}


async def test_no_answer_is_stale() -> None:
    for seed in range(4):
        found = await run(seed, strangers=bool(seed % 2))
        assert not found.wrong
        assert min(found.had["HIT"], found.had["REPAIRED"], found.had["MISS"], 10 * found.stored) > 50, found
        assert (found.foreign > 0) is bool(seed % 2)


async def test_no_answer_is_stale_or_torn_where_only_committed_data_is_read() -> None:
    for seed in range(2):
        found = await run(seed, Torn, turns=40, pause=600)
        assert not found.wrong
        assert found.torn > 10


@pytest.mark.parametrize("name", BY_NAME)
async def test_weakened_copy_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BY_NAME[name](monkeypatch.setattr)
    for seed in range(12):
        try:
            around, pause = (Torn, 600) if name in NEEDS_TEARS else (Slow, 30)
            found = await run(seed, around, turns=40 if pause > 30 else 150, pause=pause, strangers=bool(seed % 2))
        except BackendError:  # which no client may get either
            return
        if found.wrong:
            return
    pytest.fail("twelve histories did not show it")
