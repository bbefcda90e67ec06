"""A byte store in this process: what left the memory of ready answers stays here in a fraction of the bytes."""

from collections import OrderedDict

from cache.base import ByteStore, may_replace

OVERHEAD = 300
"""Bytes of a key and its place, beside those of the value."""


class MemoryStore(ByteStore):
    """At most `limit` bytes; what was used longest ago goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self.nbytes = 0

    @property
    def is_shared(self) -> bool:
        return False

    @property
    def is_lasting(self) -> bool:
        return False

    def __len__(self) -> int:
        return len(self._values)

    async def get(self, key: str) -> bytes | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    async def set(self, key: str, value: bytes, instead_of: bytes = b"") -> None:
        self.keep(key, value, instead_of)

    def keep(self, key: str, value: bytes, instead_of: bytes = b"") -> None:
        """`set`, without waiting."""
        old = self._values.get(key)
        if not may_replace(old, value, instead_of):
            return
        if old is not None:
            self.nbytes -= len(old) + OVERHEAD
        self._values[key] = value
        self._values.move_to_end(key)
        self.nbytes += len(value) + OVERHEAD
        while self.nbytes > self._limit:
            _, gone = self._values.popitem(last=False)
            self.nbytes -= len(gone) + OVERHEAD

    def items(self) -> list[tuple[str, bytes]]:
        """All values, those used last first."""
        return list(reversed(self._values.items()))

    async def ping(self) -> None:
        return None
