"""The whole suite as one class to inherit from."""

from backends.testing.atomicity import AtomicityContract
from backends.testing.concurrency import ConcurrencyContract
from backends.testing.edges import EdgeContract
from backends.testing.listing import ListingContract
from backends.testing.logs import LogContract
from backends.testing.names import NameContract
from backends.testing.random_cases import RandomContract
from backends.testing.scanning import ScanContract
from backends.testing.searching import SearchContract
from backends.testing.traversals import TraversalContract
from backends.testing.writing import WritingContract


class BackendContract(
    TraversalContract,
    WritingContract,
    AtomicityContract,
    EdgeContract,
    NameContract,
    ListingContract,
    SearchContract,
    ScanContract,
    LogContract,
    ConcurrencyContract,
    RandomContract,
):
    """Sections 4 and 5 of the design, as tests. A subclass gives the fixture `backend`; it may add tests, not blank one
    out: what an engine cannot do, its `capabilities` say."""
