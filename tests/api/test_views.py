"""Impact views in the service: what is pinned is ready before anyone asks, stays so, and is remembered across restarts."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from schema import flat, impact
from schema.fold import show_rows
from schema.shown import Shown
from schema.view import View
from tests.api.service import service

IMPACT = '{ impact(of: ["a"]) { summary { total } answer { cache } } }'
LISTED = "{ impactViews { roots { id } pinned nodes bytes epoch hits repairs madeAt checkedAt } }"


async def ask(client: httpx.AsyncClient, query: str) -> Any:
    said = (await client.post("/graphql", json={"query": query})).json()
    assert "errors" not in said, said
    return said["data"]


async def capture(client: httpx.AsyncClient, job: str, source: str, target: str) -> None:
    what = f'{{ name: "{job}", inputs: ["{source}"], outputs: ["{target}"] }}'
    await ask(client, f"mutation {{ captureOperation(input: {what}) {{ epoch }} }}")


async def pin(client: httpx.AsyncClient, root: str) -> Any:
    text = f'mutation {{ pinImpact(input: {{ id: "{root}" }}) {{ entity {{ id }} errors {{ code field message }} }} }}'
    return (await ask(client, text))["pinImpact"]


async def unpin(client: httpx.AsyncClient, root: str) -> Any:
    text = f'mutation {{ unpinImpact(input: {{ id: "{root}" }}) {{ id errors {{ code field message }} }} }}'
    return (await ask(client, text))["unpinImpact"]


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await true():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0.05)


async def test_what_is_pinned_is_ready_before_anyone_asks() -> None:
    async with service() as client:
        await capture(client, "one", "a", "b")
        assert await pin(client, "a") == {"entity": {"id": "dataset:default#a"}, "errors": []}
        assert (await ask(client, IMPACT))["impact"] == {"summary": {"total": 1}, "answer": {"cache": "HIT"}}
        views = (await ask(client, LISTED))["impactViews"]
        assert [(view["roots"], view["pinned"], view["nodes"]) for view in views] == [
            ([{"id": "dataset:default#a"}], True, 3)
        ]
        assert views[0]["bytes"] > 0
        await pin(client, "a")
        assert len((await ask(client, LISTED))["impactViews"]) == 1, "twice is once"


async def test_what_is_pinned_is_brought_up_to_date_by_itself() -> None:
    async with service() as client:
        await capture(client, "one", "a", "b")
        await pin(client, "a")
        await capture(client, "two", "b", "c")

        async def is_repaired() -> bool:
            views = (await ask(client, LISTED))["impactViews"]
            return bool(views and views[0]["repairs"] and views[0]["nodes"] == 5)

        await until(is_repaired)
        assert (await ask(client, IMPACT))["impact"] == {"summary": {"total": 2}, "answer": {"cache": "HIT"}}


async def test_what_is_pinned_is_counted_before_anyone_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for counts, of whichever kind, then folds nothing; the counts are those that `no-cache` gives."""
    folded: list[View] = []

    def noted(view: View, *how: Any) -> Shown:
        folded.append(view)
        return show_rows(view, *how)

    monkeypatch.setattr(impact, "LARGE", 0)
    monkeypatch.setattr(flat, "show_rows", noted)
    async with service() as client:
        await capture(client, "one", "a", "b")
        await pin(client, "a")
        for turn, target in enumerate(("c", "other.d", "e")):
            if turn:
                await capture(client, f"on{turn}", "b", target)

            async def is_ready(nodes: int = 3 + 2 * turn) -> bool:
                views = (await ask(client, LISTED))["impactViews"]
                return bool(folded) and [view["nodes"] for view in views] == [nodes]

            await until(is_ready)
            folded.clear()
            for counts in ("byKind { kind count }", "byDepth { depth count }", "byNamespace { namespace count }"):
                body = {"query": f'{{ impact(of: ["a"]) {{ summary {{ total {counts} }} }} }}'}
                found = (await client.post("/graphql", json=body)).json()
                assert folded == [], counts
                right = (await client.post("/graphql", json=body, headers={"Cache-Control": "no-cache"})).json()
                assert found == right
                assert found["data"]["impact"]["summary"]["total"] == turn + 1
                folded.clear()


async def test_a_job_is_pinned_with_all_its_operations() -> None:
    async with service() as client:
        await capture(client, "one", "a", "b")
        assert (await pin(client, "job:default#one"))["entity"] == {"id": "job:default#one"}
        await capture(client, "one", "x", "y")

        async def has_both() -> bool:
            return any(len(view["roots"]) == 2 for view in (await ask(client, LISTED))["impactViews"] if view["pinned"])

        await until(has_both)
        found = (await ask(client, '{ impact(of: ["job:default#one"]) { summary { total } answer { cache } } }'))["impact"]
        assert found == {"summary": {"total": 2}, "answer": {"cache": "HIT"}}


async def test_pins_are_there_after_a_restart_and_warm(tmp_path: Path) -> None:
    backend = f"sqlite:///{tmp_path}/lineage.db"
    async with service(backend=backend) as client:
        await capture(client, "one", "a", "b")
        await pin(client, "a")
    async with service(backend=backend) as client:

        async def is_there() -> bool:
            return bool((await ask(client, LISTED))["impactViews"])

        await until(is_there)
        assert (await ask(client, IMPACT))["impact"]["answer"]["cache"] == "HIT"
        assert (await unpin(client, "a"))["id"] == "dataset:default#a"
        assert (await unpin(client, "a"))["id"] is None
        assert (await ask(client, LISTED))["impactViews"] == []
        assert (await ask(client, IMPACT))["impact"] == {"summary": {"total": 1}, "answer": {"cache": "HIT"}}
    async with service(backend=backend) as client:
        await asyncio.sleep(0.2)
        assert (await ask(client, LISTED))["impactViews"] == []


async def test_what_is_gone_is_pinned_no_more_once_that_is_said() -> None:
    async with service() as client:
        await capture(client, "one", "a", "b")
        await pin(client, "a")
        await ask(client, 'mutation { deleteEntity(input: { id: "a" }) { epoch } }')
        assert (await unpin(client, "dataset:default#a"))["id"] == "dataset:default#a"


async def test_what_is_unknown_is_not_pinned() -> None:
    async with service() as client:
        await capture(client, "one", "orders", "clean")
        there_is_no = {
            "code": "NOT_FOUND",
            "field": "id",
            "message": "there is no order; did you mean dataset:default#orders?",
        }
        assert await pin(client, "order") == {"entity": None, "errors": [there_is_no]}


async def test_what_is_not_pinned_is_not_unpinned_and_that_is_said() -> None:
    async with service() as client:
        await capture(client, "one", "orders", "clean")
        told = {"code": "NOT_FOUND", "field": "id", "message": "dataset:default#orders is not pinned"}
        assert await unpin(client, "orders") == {"id": None, "errors": [told]}
        await pin(client, "clean")
        told["message"] += "; did you mean dataset:default#clean?"
        assert await unpin(client, "orders") == {"id": None, "errors": [told]}
        assert (await unpin(client, ""))["errors"][0]["code"] == "BAD_INPUT"
        assert await unpin(client, "clean") == {"id": "dataset:default#clean", "errors": []}


async def test_without_a_cache_nothing_is_kept() -> None:
    async with service(cache="off") as client:
        await capture(client, "one", "a", "b")
        assert (await ask(client, LISTED))["impactViews"] == []
        said = (
            await client.post("/graphql", json={"query": 'mutation { pinImpact(input: { id: "a" }) { errors { code } } }'})
        ).json()
        codes = [error["code"] for error in ((said["data"] or {}).get("pinImpact") or {}).get("errors", [])]
        assert codes == ["UNSUPPORTED"]


async def test_a_list_of_views_is_never_an_old_one() -> None:
    """It comes of no call of the store, so it must not be given again as bytes."""
    async with service() as client:
        await capture(client, "one", "a", "b")
        await pin(client, "a")
        query = '{ impactViews { hits } impact(of: ["a"]) { summary { total } } }'
        hits = [(await ask(client, query))["impactViews"][0]["hits"] for _ in range(5)]
        assert len({*hits}) == 5
