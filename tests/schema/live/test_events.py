"""Server-sent events, as graphql-sse has them with a connection for each operation."""

from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from tests.schema.graphs import node
from tests.schema.live.channel import Channel, served

CHANGED = 'subscription { lineageChanged(of: ["dataset:n#a"]) { nodesAdded epoch } }'


async def begun(channel: Channel) -> None:
    start = await channel.next()
    assert start["status"] == 200
    assert dict(start["headers"])[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert await heard(channel) == ""


async def heard(channel: Channel) -> Any:
    """The next event: the data of `next`, `complete`, or nothing of a comment."""
    text = (await channel.next())["body"].decode()
    assert text.endswith("\n\n")
    if text.startswith(":"):
        return ""
    event, data = text.rstrip("\n").split("\n")
    if event == "event: complete":
        return "complete"
    assert event == "event: next"
    return orjson.loads(data.removeprefix("data: "))


async def test_a_subscription_is_told_until_the_client_leaves() -> None:
    async with served("a *1 b") as service:
        channel = service.request({"query": CHANGED})
        await begun(channel)
        assert (await heard(channel))["data"]["lineageChanged"]["nodesAdded"] == []
        await service.world.lines("b *2 c")
        service.live.wake()
        assert (await heard(channel))["data"]["lineageChanged"]["nodesAdded"] == [node("c")]
        channel.inward.put_nowait({"type": "http.disconnect"})
        await channel.ended()
        assert service.live.subscriptions == 0


@pytest.mark.parametrize(
    "accept", ["text/event-stream", "application/json;q=0.5, text/event-stream", "text/event-stream, */*"]
)
async def test_a_query_is_told_and_complete_also_with_get(accept: str) -> None:
    query = '{ node(id: "dataset:n#a") { id } }'
    async with served("a *1 b") as service:
        for channel in (
            service.request({"query": query}, accept=accept),
            service.request(query=urlencode({"query": query}).encode(), accept=accept),
        ):
            await begun(channel)
            assert await heard(channel) == {"data": {"node": {"id": node("a")}}}
            assert await heard(channel) == "complete"
            await channel.ended()


async def test_errors_are_told_as_answers_and_what_is_no_request_as_status() -> None:
    async with served("a *1 b") as service:
        for query, code in (("{ nothing }", "BAD_INPUT"), (CHANGED.replace("n#a", "n#no"), "NOT_FOUND")):
            channel = service.request({"query": query})
            await begun(channel)
            assert (await heard(channel))["errors"][0]["extensions"]["code"] == code
            assert await heard(channel) == "complete"
        assert (await service.request({"query": 7}).next())["status"] == 400
        mutation = urlencode({"query": 'mutation { deleteEntity(input: {id: "x"}) { errors { code } } }'}).encode()
        assert (await service.request(query=mutation).next())["status"] == 405


async def test_who_takes_json_more_gladly_is_told_where_subscriptions_are() -> None:
    async with served("a *1 b") as service:
        channel = service.request({"query": CHANGED}, accept="application/json, text/event-stream;q=0.1")
        assert (await channel.next())["status"] == 400
        assert orjson.loads((await channel.next())["body"])["errors"][0]["extensions"]["code"] == "UNSUPPORTED"


async def test_a_stream_with_nothing_to_tell_says_that_it_is_alive() -> None:
    async with served("a *1 b", alive=0.02) as service:
        channel = service.request({"query": CHANGED})
        await begun(channel)
        told = await heard(channel)
        while told == "":  # it may be alive for some time before it has something to tell
            told = await heard(channel)
        assert [await heard(channel) for _ in range(3)] == ["", "", ""]


async def test_who_reads_nothing_is_dropped() -> None:
    async with served("a *1 b", alive=0.02, send=0.05) as service:
        channel = service.request({"query": CHANGED})
        await begun(channel)
        channel.is_stuck = True
        await channel.ended()
        assert service.live.subscriptions == 0


async def test_at_the_end_a_stream_ends_without_complete() -> None:
    """So a client knows that there is more, and comes again."""
    async with served("a *1 b") as service:
        channel = service.request({"query": CHANGED})
        await begun(channel)
        await heard(channel)
        await service.streams.close()
        assert (await channel.next()) == {"type": "http.response.body", "body": b"", "more_body": False}
        await channel.ended()


MIXED = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"


async def test_clients_that_take_all_there_is_get_events_for_what_goes_on_and_json_for_the_rest() -> None:
    async with served("a *1 b") as service:
        channel = service.request({"query": CHANGED}, accept=MIXED)
        await begun(channel)
        assert (await heard(channel))["data"]["lineageChanged"]["nodesAdded"] == []
        channel.inward.put_nowait({"type": "http.disconnect"})
        await channel.ended()
        for query, status in (("{ __typename }", 200), ("{ nope }", 400), ("{", 400)):
            start = await service.request({"query": query}, accept=MIXED).next()
            assert start["status"] == status
            assert dict(start["headers"])[b"content-type"].startswith(b"application/graphql-response+json")


async def test_what_is_not_run_has_no_data() -> None:
    async with served("a *1 b") as service:
        for query in ("{", "{ nope }", "subscription { lineageChanged(of: []) { nope } }"):
            channel = service.request({"query": query})
            await begun(channel)
            assert (await heard(channel)).keys() == {"errors"}
