"""`make soak`: a real service under mixed load for a while, killed and started again, and nothing may be lost or invented.

Senders post good, repeated, broken and batched events of a made-up pipeline and ask questions beside them. Every pair of
tables of which the service acknowledged that data flows must be in the graph after each death; none may be there that was
never sent; no answer may be a fault. Bounded by --seconds.
"""

import argparse
import asyncio
import random
import re
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.api.events import event
from tests.api.process import Service, started

Pair = tuple[str, str]
JOBS, WAYS, TABLES, NAMESPACE = 40, 6, 300, "soak"
"""A job moves data in a few ways, run after run: nearly every event finds its picture known, as in life."""
ONE, MANY = "/api/v1/lineage", "/api/v1/lineage/batch"
BROKEN = (b"{", b"[]", b"{}", b'{"eventTime": "soon"}', b"\xff\xfe", b"[" * 5000)
UPSTREAM = """query($name: String!) { dataset(namespace: "soak", name: $name) {
  upstream(depth: 1, kinds: [DATASET], first: 1000) { totalCount nodes { name } answer { complete } } } }"""
SEARCH = '{ search(text: "table", first: 5) { totalCount nodes { id } } }'
FAR = '{ lineage(of: ["dataset:soak#table_0"], direction: BOTH) { summary { total } answer { complete } } }'


@dataclass(slots=True)
class Run:
    """What all senders share. `sent` holds every pair that was ever posted, `kept` those that were acknowledged."""

    service: Service
    until: float
    sent: set[Pair] = field(default_factory=set)
    kept: set[Pair] = field(default_factory=set)
    answered: int = 0
    unanswered: int = 0
    faults: list[str] = field(default_factory=list)
    down: asyncio.Lock = field(default_factory=asyncio.Lock)


def made_up(chance: random.Random) -> tuple[dict[str, Any], set[Pair]]:
    """A completed run of a job in one of its ways, and the pairs it states."""
    job, way = chance.randrange(JOBS), chance.randrange(WAYS)
    habit = random.Random(f"{job} {way}")
    inputs = habit.sample(range(TABLES), habit.randint(1, 3))
    outputs = habit.sample(range(TABLES), habit.randint(1, 2))
    second = chance.randrange(86_400)
    body = event(
        eventTime=f"2026-03-02T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z",
        run={"runId": f"run-{chance.getrandbits(40)}"},
        job={"namespace": NAMESPACE, "name": f"job_{job}"},
        inputs=[{"namespace": NAMESPACE, "name": f"table_{at}"} for at in inputs],
        outputs=[{"namespace": NAMESPACE, "name": f"table_{at}"} for at in outputs],
    )
    return body, {(f"table_{source}", f"table_{target}") for source in inputs for target in outputs}


async def send(run: Run, client: httpx.AsyncClient, chance: random.Random) -> None:
    """One request of a random kind."""
    kind = chance.random()
    if kind < 0.6:
        body, pairs = made_up(chance)
        run.sent |= pairs
        for state in chance.sample(("START", "COMPLETE", "COMPLETE"), chance.randint(1, 3)):
            response = await post(run, client, ONE, {201}, json=body | {"eventType": state})
            if response is not None and response.status_code == 201 and state == "COMPLETE":
                run.kept |= pairs
    elif kind < 0.7:
        made = [made_up(chance) for _ in range(chance.randint(1, 50))]
        pairs = {pair for _, pairs in made for pair in pairs}
        run.sent |= pairs
        response = await post(run, client, MANY, {200}, json=[body for body, _ in made] + [None])
        if response is not None and response.status_code == 200:
            run.kept |= pairs
    elif kind < 0.8:
        await post(run, client, ONE, {400, 422}, content=chance.choice(BROKEN))
    else:
        query = chance.choice((SEARCH, FAR, UPSTREAM))
        variables = {"name": f"table_{chance.randrange(TABLES)}"}
        response = await post(run, client, "/graphql", {200}, json={"query": query, "variables": variables})
        errors = response.json().get("errors", []) if response is not None and response.status_code == 200 else []
        # Nothing may have been said of a table yet.
        run.faults += [str(error)[:500] for error in errors if error["extensions"]["code"] != "NOT_FOUND"]


async def post(run: Run, client: httpx.AsyncClient, path: str, expected: set[int], **body: Any) -> httpx.Response | None:
    """The answer, or None where the service died meanwhile. 503 is an answer: not now."""
    try:
        response = await client.post(run.service.url + path, timeout=60, **body)
    except httpx.TransportError:
        run.unanswered += 1
        return None
    run.answered += 1
    if response.status_code not in expected | {503}:
        run.faults.append(f"{path} answered {response.status_code}: {response.text[:500]}")
    return response


async def sender(run: Run, seed: int) -> None:
    """Sends until the time is over, but not while the service is being started again."""
    chance = random.Random(seed)
    async with httpx.AsyncClient() as client:
        while time.monotonic() < run.until and not run.faults:
            async with run.down:
                pass
            await send(run, client, chance)


async def compare(run: Run) -> None:
    """Asks for what stands, table by table. What is acknowledged meanwhile need not be in the answers yet."""
    kept = set(run.kept)
    async with httpx.AsyncClient(timeout=60) as client:
        found: set[Pair] = set()
        for at in range(TABLES):
            request = {"query": UPSTREAM, "variables": {"name": f"table_{at}"}}
            answer = (await client.post(f"{run.service.url}/graphql", json=request)).json()
            if answer.get("errors"):
                run.faults.append(str(answer)[:500])
            elif (table := answer["data"]["dataset"]) is not None:
                found |= {(node["name"], f"table_{at}") for node in table["upstream"]["nodes"]}
        # A table that a run both reads and writes feeds itself; as its own upstream it is the root and no row.
        lost = {(source, target) for source, target in kept - found if source != target}
        if lost or found - run.sent:
            run.faults.append(f"lost {sorted(lost)[:5]}, invented {sorted(found - run.sent)[:5]}")
        metrics = (await client.get(f"{run.service.url}/metrics")).text
    resident = re.search(r"^process_resident_memory_bytes (\S+)", metrics, re.MULTILINE)
    megabytes = float(resident[1]) / 1e6 if resident is not None else 0.0
    say(f"{run.answered:,} answered, {run.unanswered} cut off, {len(found):,} pairs stand, {megabytes:.0f} MB resident")


async def soak(seconds: float, senders: int, deaths: int, seed: int) -> list[str]:
    """Runs it; the faults found."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        run = Run(stack.enter_context(started(folder, HEADWATER_CLIENT_COST="0")), time.monotonic() + seconds)
        tasks = [asyncio.create_task(sender(run, seed + number)) for number in range(senders)]
        for _ in range(deaths):
            await asyncio.wait(tasks, timeout=seconds / (deaths + 1))
            async with run.down:
                run.service.process.kill()
                run.service.code()
                run.faults += [line for line in run.service.log.splitlines() if "traceback" in line.lower()]
                run.service = stack.enter_context(started(folder, HEADWATER_CLIENT_COST="0"))
                await compare(run)
        await asyncio.gather(*tasks)
        await compare(run)
        return run.faults


def say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--deaths", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    faults = asyncio.run(soak(given.seconds, given.senders, given.deaths, given.seed))
    for fault in faults[:10]:
        say(fault)
    say("failed" if faults else "nothing lost, nothing invented")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
