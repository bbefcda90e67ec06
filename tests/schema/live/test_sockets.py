"""graphql-transport-ws, message by message."""

import asyncio
from typing import Any

import pytest

from tests.schema.graphs import node
from tests.schema.live.channel import KEY, Channel, served

CHANGED = 'subscription { lineageChanged(of: ["dataset:n#a"]) { nodesAdded epoch } }'
NAME = '{ node(id: "dataset:n#a") { id } }'


def subscribe(channel: Channel, name: str, query: str, **more: Any) -> None:
    channel.say(type="subscribe", id=name, payload={"query": query, **more})


async def test_a_subscription_a_query_and_a_mutation() -> None:
    async with served("a *1 b") as service:
        channel = await service.opened()
        subscribe(channel, "1", CHANGED)
        first = await channel.hear()
        assert (first["type"], first["id"]) == ("next", "1")
        assert first["payload"]["data"]["lineageChanged"]["nodesAdded"] == []
        subscribe(
            channel,
            "2",
            "query N($id: ID!) { node(id: $id) { id } } query M { __typename }",
            variables={"id": node("a")},
            operationName="N",
        )
        assert await channel.hear() == {"id": "2", "type": "next", "payload": {"data": {"node": {"id": node("a")}}}}
        assert await channel.hear() == {"id": "2", "type": "complete"}
        said = 'name: "o", inputs: ["dataset:n#b"], outputs: ["dataset:n#c"]'
        capture = f"mutation {{ captureOperation(input: {{{said}}}) {{ errors {{ code }} }} }}"
        subscribe(channel, "2", capture)
        told = [await channel.hear() for _ in range(2)]
        assert {each["type"] for each in told if each["id"] == "2"} == {"next", "complete"}
        service.live.wake()
        delta = await channel.hear()
        assert delta["payload"]["data"]["lineageChanged"]["nodesAdded"] == [node("c")]
        channel.say(type="complete", id="1")
        channel.say(type="ping", payload={"x": 1})
        assert await channel.hear() == {"type": "pong", "payload": {"x": 1}}
        channel.leave()
        await channel.ended()


async def test_what_cannot_be_run_is_an_error_of_its_operation() -> None:
    async with served("a *1 b") as service:
        channel = await service.opened()
        for query, code in (
            ("{ nothing }", "BAD_INPUT"),
            ("{", "BAD_INPUT"),
            ("query A { __typename } query B { __typename }", "BAD_INPUT"),
            ('subscription { lineageChanged(of: ["dataset:n#no"]) { epoch } }', "NOT_FOUND"),
            ("subscription ($of: [ID!]!) { lineageChanged(of: $of) { epoch } }", "BAD_INPUT"),
        ):
            subscribe(channel, "x", query)
            told = await channel.hear()
            assert (told["type"], told["id"]) == ("error", "x")
            assert told["payload"][0]["extensions"]["code"] == code
        subscribe(channel, "x", '{ lineage(of: ["dataset:n#no"]) { summary { total } } }')
        told = await channel.hear()
        assert told["type"] == "next"
        assert told["payload"]["errors"][0]["extensions"]["code"] == "NOT_FOUND"
        assert await channel.hear() == {"id": "x", "type": "complete"}


async def test_a_client_that_completes_is_told_nothing_more() -> None:
    async with served("a *1 b") as service:
        channel = await service.opened()
        subscribe(channel, "1", CHANGED)
        await channel.hear()
        channel.say(type="complete", id="1")
        subscribe(channel, "1", NAME)  # the id is free again
        assert (await channel.hear())["payload"] == {"data": {"node": {"id": node("a")}}}
        assert (await channel.hear())["type"] == "complete"
        assert service.live.subscriptions == 0


@pytest.mark.parametrize("offered", [(), ("graphql-ws",), ("graphql-ws", "other")])
async def test_other_protocols_are_refused_the_older_one_too(offered: tuple[str, ...]) -> None:
    async with served() as service:
        channel = await service.socket(subprotocols=offered)
        assert await channel.next() == {"type": "websocket.accept"}
        assert await channel.hear() == 4406
        await channel.ended()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}, 4401),
        ({"type": "connection_init", "payload": {"Authorization": "Bearer wrong"}}, 4403),
        ({"type": "connection_init", "payload": []}, 4400),
        ({"type": "start"}, 4400),
        ({"kind": "ping"}, 4400),
        ({"type": 7}, 4400),
    ],
)
async def test_what_does_not_belong_before_the_beginning_closes_the_socket(message: dict[str, Any], code: int) -> None:
    async with served() as service:
        channel = await service.socket()
        await channel.next()
        channel.say(**message)
        assert await channel.hear() == code
        await channel.ended()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "connection_init"}, 4429),
        ({"type": "subscribe", "id": "1"}, 4400),
        ({"type": "subscribe", "payload": {"query": "{ __typename }"}}, 4400),
        ({"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}, 4400),
        ({"type": "subscribe", "id": "x" * 300, "payload": {"query": "{ __typename }"}}, 4400),
        ({"type": "subscribe", "id": "2", "payload": {"query": 7}}, 4400),
        ({"type": "subscribe", "id": "2", "payload": {"query": "{ __typename }", "variables": []}}, 4400),
        ({"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}, 4409),
    ],
)
async def test_what_does_not_belong_later_closes_it_too(message: dict[str, Any], code: int) -> None:
    async with served("a *1 b") as service:
        channel = await service.opened()
        subscribe(channel, "1", CHANGED)
        await channel.hear()
        channel.say(**message)
        assert await channel.hear() == code
        await channel.ended()


async def test_what_is_no_message_closes_it() -> None:
    async with served(message=100) as service:
        for text in ("{", "[]", '"ping"', '{"type": "ping", "payload": "' + "x" * 100 + '"}'):
            channel = await service.opened()
            channel.inward.put_nowait({"type": "websocket.receive", "text": text})
            assert await channel.hear() == 4400
        channel = await service.opened()
        channel.inward.put_nowait({"type": "websocket.receive", "bytes": b"{}"})
        assert await channel.hear() == 4400


async def test_the_key_may_come_with_the_first_message_and_pings_before_it() -> None:
    async with served() as service:
        channel = await service.socket()
        await channel.next()
        channel.say(type="ping")
        assert await channel.hear() == {"type": "pong"}
        channel.say(type="connection_init", payload={"Authorization": KEY})
        assert await channel.hear() == {"type": "connection_ack"}


async def test_who_does_not_begin_in_time_is_left() -> None:
    async with served(init=0.05) as service:
        channel = await service.socket()
        await channel.next()
        assert await channel.hear() == 4408
        await channel.ended()


async def test_pages_of_other_sites_are_refused_unless_they_are_allowed() -> None:
    async with served(origins=frozenset({"https://friend.example"})) as service:
        for origin, taken in (
            ("http://here.example", True),
            ("https://friend.example", True),
            ("https://evil.example", False),
            ("null", False),
        ):
            message = await (await service.socket(origin=origin)).next()
            assert (message["type"] == "websocket.accept") == taken
            assert taken or message["status"] == 403


async def test_operations_on_a_socket_and_sockets_are_bounded() -> None:
    async with served("a *1 b", operations=2, connections=2) as service:
        channel = await service.opened()
        for name in "12":
            subscribe(channel, name, CHANGED)
            await channel.hear()
        subscribe(channel, "3", NAME)
        told = await channel.hear()
        assert (told["id"], told["payload"][0]["extensions"]["code"]) == ("3", "UNAVAILABLE")
        other = await service.opened()
        assert (await (await service.socket()).next())["status"] == 503
        refused = service.request({"query": NAME})
        assert (await refused.next())["status"] == 503
        other.leave()
        await other.ended()
        await service.opened()


async def test_a_client_that_reads_nothing_is_dropped_with_all_it_asked() -> None:
    async with served("a *1 b", send=0.05) as service:
        channel = await service.opened()
        subscribe(channel, "1", CHANGED)
        await channel.hear()
        channel.is_stuck = True
        await service.world.lines("b *2 c")
        service.live.wake()
        await channel.ended()
        assert service.live.subscriptions == 0
        channel = await service.opened()
        channel.is_stuck = True
        channel.say(type="ping")
        await channel.ended()


async def test_at_the_end_sockets_are_told_and_no_more_are_taken() -> None:
    async with served("a *1 b") as service:
        channel = await service.opened()
        subscribe(channel, "1", CHANGED)
        await channel.hear()
        await service.streams.close()
        assert await channel.hear() == 1001
        await channel.ended()
        assert (await (await service.socket()).next())["status"] == 503


async def test_a_client_that_leaves_takes_its_operations_with_it() -> None:
    async with served("a *1 b") as service:
        channel = await service.opened()
        subscribe(channel, "1", CHANGED)
        await channel.hear()
        assert service.live.subscriptions == 1
        channel.leave()
        await channel.ended()
        assert service.live.subscriptions == 0
        await asyncio.sleep(0)
