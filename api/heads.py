"""The head of a request, that is all before its body: in time, and not without end. Uvicorn has no bound for either."""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ROUND: Final = 0.01
"""Seconds after which the loop has read what was there to be read."""


class Bounded(HttpToolsProtocol):
    """Uvicorn's HTTP over one connection. One that has not said the head of its first request in `seconds`, or is not done
    with that of a later one so long after it began, is closed; so is one that says more than `most` bytes of a head, or of
    headers after a body, with 400."""

    seconds: float
    most: int
    _late: asyncio.TimerHandle | None = None
    _is_in_head = False
    _size = 0
    """Bytes since the request began, or since the last of its body."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._give(self.seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        super().data_received(data)
        if self._size > self.most:
            self.send_400_response("The headers of the request are too large.")
        elif self._is_in_head and self._late is None:  # most heads come at once, and cost no timer
            self._give(self.seconds)

    def on_message_begin(self) -> None:
        self._is_in_head, self._size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head, self._size = False, 0
        if self._late is not None:
            self._in_time()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._size = 0
        super().on_body(body)

    def _give(self, seconds: float) -> None:
        self._late = self.loop.call_later(seconds, self._end)

    def _end(self) -> None:
        # What came while the loop was busy is not read yet: a timer is looked at first. So it gets one round more.
        self._late = self.loop.call_later(ROUND, self.transport.close)

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def bounded(seconds: float, most: int) -> type[Bounded]:
    """What speaks HTTP within these bounds, for `uvicorn.Config(http=...)`."""
    return type("Http", (Bounded,), {"seconds": seconds, "most": most})
