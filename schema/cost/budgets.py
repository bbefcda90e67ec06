"""What a client may spend: a bucket of tokens for each, which fills again as time goes by. Bounded, whoever comes."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from time import monotonic
from typing import Any, Final

MOST_CLIENTS: Final = 10_000
"""Clients that are remembered, some 3 MB; who was heard of longest ago goes first, and begins with all it may spend."""


class Budget:
    """What one client has. `most` is the most it may have, `rate` what comes back in a second."""

    __slots__ = ("_at", "_clock", "_left", "most", "rate")

    def __init__(self, most: float, rate: float, clock: Callable[[], float]) -> None:
        self.most, self.rate, self._clock = most, rate, clock
        self._left, self._at = most, clock()

    def take(self, cost: float) -> float:
        """Takes what something costs and gives 0; where there is less it takes nothing and gives the seconds until there
        is enough."""
        now = self._clock()
        left = self._left + (now - self._at) * self.rate
        if left > self.most:
            left = self.most
        self._at = now
        if left < cost:
            self._left = left
            return (cost - left) / self.rate
        self._left = left - cost
        return 0.0

    def left(self) -> float:
        """What there is now."""
        self.take(0)
        return self._left


class Budgets:
    """The budgets of all clients."""

    def __init__(
        self, most: float, rate: float, *, clients: int = MOST_CLIENTS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._most, self._rate, self._clients, self._clock = most, rate, clients, clock
        self._kept: OrderedDict[str, Budget] = OrderedDict()

    def of(self, client: str) -> Budget:
        """The budget of a client."""
        budget = self._kept.get(client)
        if budget is None:
            budget = self._kept[client] = Budget(self._most, self._rate, self._clock)
            if len(self._kept) > self._clients:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(client)
        return budget


def client_of(peer: Any) -> str:
    """Who asks, by the peer of its connection as ASGI has it, (address, port) or None: no header is believed, since anyone
    can send one."""
    return _host(str(peer[0])) if peer else ""


@lru_cache(4096)
def _host(address: str) -> str:
    """The address; of IPv6 the network of 64 bits, since a host has all of its addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
