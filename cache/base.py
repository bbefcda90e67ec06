"""The byte store protocol: where answers are kept beside those at hand in memory. `cache.testing.CacheContract` proves it.

Nothing read from a store is believed: a value says at which epoch it was true and of which question, a checksum covers it,
and the topology log decides the rest. So a store may lose, forget, mix up or bring back whatever it likes.
"""

from abc import abstractmethod
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

MAGIC: Final = b"HWC1"
"""Format of a value; the first bytes of each."""
LABEL: Final = len(MAGIC) + 32
"""Bytes at the beginning of a value that say which it is: the magic, then as 16 hex digits each the epoch's seq and chain.
As text, so that a store can compare them."""


class StoreError(Exception):
    """The store did not do what was asked, or not in time."""


class Label(NamedTuple):
    """What the first bytes of a value say of it."""

    seq: int
    chain: int

    def __bytes__(self) -> bytes:
        return MAGIC + b"%016x%016x" % self

    @classmethod
    def of(cls, value: bytes) -> "Label | None":
        """None where the bytes are no value of ours."""
        if len(value) < LABEL or not value.startswith(MAGIC):
            return None
        try:
            return cls(int(value[4:20], 16), int(value[20:36], 16))
        except ValueError:
            return None


def may_replace(old: bytes | None, new: bytes, instead_of: bytes) -> bool:
    """Whether a value may take the place of another: an older one never replaces a newer one, unless whoever brings it has
    read the other and knows it to be of no use (`instead_of`, its label)."""
    before, after = Label.of(old) if old is not None else None, Label.of(new)
    assert after is not None, "a value begins with its label"
    return old is None or before is None or before.seq <= after.seq or old[:LABEL] == instead_of


class ByteStore(Protocol):
    """Keeps values by key, for as long as it likes. Use as an async context manager; methods raise only `StoreError`."""

    @property
    @abstractmethod
    def is_shared(self) -> bool:
        """Whether other processes read what this one sets: then answers are set when they are made, else when they leave
        memory."""

    @property
    @abstractmethod
    def is_lasting(self) -> bool:
        """Whether what it has is there after a restart: then what is in memory at the end is set as well."""

    @abstractmethod
    async def get(self, key: str) -> bytes | None:
        """The value set last, or an older one, or another, or None."""

    @abstractmethod
    async def set(self, key: str, value: bytes, instead_of: bytes = b"") -> None:
        """Keeps the value where `may_replace` allows it."""

    @abstractmethod
    async def ping(self) -> None:
        """Returns once the store answers."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
