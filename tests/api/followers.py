"""Who follows lineage of a real service over a real connection: in a thread, as fast as it is told, or not at all."""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from tests.api.process import PATIENCE, post
from tests.schema.live.client import CHANGED, LINEAGE, Known

TRANSPORT = Subprotocol("graphql-transport-ws")


def lineage(url: str, question: Mapping[str, Any]) -> Known:
    """What lineage answers now."""
    answer = post(f"{url}/graphql", json={"query": LINEAGE, "variables": dict(question)}).json()
    assert "errors" not in answer, answer
    return Known.of(answer["data"]["lineage"])


def capture(url: str, name: str, source: str, *targets: str) -> None:
    """Says that a job reads one and writes the others; returns once that is acknowledged."""
    query = "mutation ($said: CaptureOperationInput!) { captureOperation(input: $said) { errors { code } } }"
    said = {"name": name, "inputs": [source], "outputs": targets}
    answer = post(f"{url}/graphql", json={"query": query, "variables": {"said": said}})
    assert answer.json() == {"data": {"captureOperation": {"errors": []}}}


def retract(url: str, source: str, target: str) -> None:
    """Says that one does not lead to the other."""
    edges = f'[{{ source: "{source}", target: "{target}" }}]'
    query = f"mutation {{ retractEdges(input: {{ edges: {edges} }}) {{ errors {{ code }} }} }}"
    assert post(f"{url}/graphql", json={"query": query}).json() == {"data": {"retractEdges": {"errors": []}}}


def opened(url: str) -> ClientConnection:
    """A socket that is acknowledged."""
    address = f"{url.replace('http', 'ws')}/graphql"
    opening: ClientConnection = connect(address, subprotocols=[TRANSPORT], proxy=None, max_size=None).__enter__()
    opening.send(json.dumps({"type": "connection_init"}))
    assert json.loads(opening.recv(PATIENCE)) == {"type": "connection_ack"}
    return opening


def subscription(variables: Mapping[str, Any]) -> str:
    """The message that begins one."""
    payload = {"query": CHANGED, "variables": dict(variables)}
    return json.dumps({"id": "1", "type": "subscribe", "payload": payload})


class Idler:
    """A socket that is acknowledged, and of which nothing is read unless that is asked for."""

    def __init__(self, url: str) -> None:
        self._protocol = ClientProtocol(
            parse_uri(f"{url.replace('http', 'ws')}/graphql"), subprotocols=[TRANSPORT], max_size=None
        )
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), PATIENCE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        self._events: list[Any] = []
        assert self._next().status_code == 101
        self.say(json.dumps({"type": "connection_init"}))
        assert self.hear() == {"type": "connection_ack"}

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._socket.sendall(data)

    def _next(self) -> Any:
        while not self._events:
            self._protocol.receive_data(self._socket.recv(1 << 20))
            self._flush()
            self._events += self._protocol.events_received()
        return self._events.pop(0)

    def say(self, text: str) -> None:
        self._protocol.send_text(text.encode())
        self._flush()

    def hear(self) -> Any:
        """The next message."""
        while True:
            frame = self._next()
            if frame.opcode is Opcode.TEXT:
                return json.loads(frame.data)
            assert frame.opcode in (Opcode.PING, Opcode.PONG), frame

    def close(self) -> None:
        self._socket.close()


class Follower:
    """Follows one question; `known` is what it knows, `ended` the error or the code with which it ended."""

    def __init__(self, url: str, question: Mapping[str, Any], known: Known) -> None:
        self.known, self.ended, self.told = known, "", 0
        self.failure: BaseException | None = None
        self.socket = opened(url)
        self.socket.send(subscription({**question, "since": known.epoch}))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for text in self.socket:
                message = json.loads(text)
                if message["type"] == "error":
                    self.ended = message["payload"][0]["extensions"]["code"] + ": " + message["payload"][0]["message"]
                    return
                assert message["type"] == "next", message
                self.known.take(message["payload"]["data"]["lineageChanged"])
                self.told += 1
            self.ended = str(self.socket.close_code)
        except ConnectionClosed as closed:
            self.ended = str(closed.rcvd.code if closed.rcvd is not None else "broken")
        except BaseException as failure:
            self.failure = failure

    def until(self, holds: Callable[["Follower"], bool]) -> None:
        """Waits until something holds of it."""
        deadline = time.monotonic() + PATIENCE
        while not holds(self):
            if self.failure is not None:
                raise self.failure
            has_ended = self.ended
            assert holds(self) or not has_ended, f"it ended: {has_ended}"
            assert time.monotonic() < deadline, f"told {self.told} times, and not that"
            time.sleep(0.01)

    def kill(self) -> None:
        """Breaks the connection without a word."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)  # closed alone it would not wake who reads it
        self._thread.join(PATIENCE)
        if self.failure is not None:
            raise self.failure
