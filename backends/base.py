"""The contract of a lineage store: eight primitives. `backends.testing.BackendContract` proves them on each adapter."""

from abc import abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from backends.changes import Changes, Cursor, LogPage, NodeFilter, NodePage, Order, Page, ScanPage, TopologyPage
from backends.errors import Unsupported
from backends.model import Capabilities, EdgeKey, Epoch, Records, Subgraph, Traversal


class Resynced(NamedTuple):
    """What was taken in: nodes and edges that others made. `doubles` are edges that were there twice, `dropped` edges kept
    of nodes that are gone; `problems` say what was left as it is, and how to find it."""

    epoch: Epoch
    nodes: int
    edges: int
    doubles: int
    dropped: int
    problems: tuple[str, ...]


class LineageBackend(Protocol):
    """Keeps lineage. Use as an async context manager; each method raises only `BackendError`."""

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this backend can do; wrappers may change it, so ask the outermost."""

    @abstractmethod
    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        """Nodes and records by id and edges by key, in the order asked, None where unknown. Another name of a node gives
        that node. What was withdrawn is given too, and says so."""

    @abstractmethod
    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        """A page of the nodes that match, stable while others write: a row is neither skipped nor given twice for being
        written beside the reading. Raises `Rejected` for a cursor that no page of such a list ended with."""

    @abstractmethod
    async def traverse(self, traversal: Traversal) -> Subgraph:
        """What the roots reach; `Traversal` holds the rules. Roots are ids of nodes, not other names of them."""

    @abstractmethod
    async def apply(self, changes: Changes) -> Epoch:
        """Writes all of it or nothing, durably, and returns the epoch after. Raises `Conflict`, `Rejected`.

        What appeared in or vanished from the topology is appended to the log in the same transaction; a change that
        says nothing new appends nothing."""

    @abstractmethod
    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        """The topology log after `epoch`, in order; None reads the current epoch alone. Whoever reads an epoch can read
        the effects of everything before it."""

    @abstractmethod
    async def scan(self, after: Cursor | None = None) -> ScanPage:
        """Everything once, in pages; what is written beside the reading may be in it or not."""

    @abstractmethod
    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        """The topology once, in pages of many thousands. Read an epoch before, and the log since it afterwards."""

    def names(self, numbers: NDArray[np.int64]) -> Sequence[str] | None:
        """The ids of nodes that stood at an epoch which was read already, where this backend has all of them in memory;
        else None. For those who keep numbers and not text; nothing is asked of the store."""
        return None

    @abstractmethod
    async def ping(self) -> None:
        """Returns once the store answers."""

    async def resync(self) -> Resynced:
        """Takes in what others than Headwater did to the store, and begins a new history: indexes and remembered answers
        start anew. Raises `Unsupported` where nobody else can write, or where it cannot be told what they wrote."""
        raise Unsupported(f"what others wrote to a store of the kind {self.capabilities.name} cannot be taken in")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
