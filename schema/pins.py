"""Impact views: what is kept ready of what depends on something. Who keeps it is told by the context; see `Views`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from backends.model import Epoch
from schema.scalars import Micros

if TYPE_CHECKING:
    from schema.drive import Reader, Task
    from schema.selection import Field


class KeptView(Protocol):
    """An answer that is kept: what `roots` (ids) reach downstream, `nodes` of them, true at `epoch`. Times are Unix time."""

    @property
    def roots(self) -> tuple[str, ...]: ...
    @property
    def pinned(self) -> bool: ...
    @property
    def nodes(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def epoch(self) -> Epoch: ...
    @property
    def made(self) -> float: ...
    @property
    def checked(self) -> float: ...
    @property
    def hits(self) -> int: ...
    @property
    def repairs(self) -> int: ...


class Pins(Protocol):
    """Keeps which roots are pinned: `cache.pins.Pins`, and who keeps views."""

    async def pinned(self) -> tuple[str, ...]:
        """The ids of all roots. Raises `BackendError`."""

    async def pin(self, root: str) -> None:
        """Keeps what depends on a root ready from now on. Raises `CommandError`, `BackendError`."""

    async def unpin(self, root: str) -> bool:
        """Whether it was pinned. Raises `BackendError`."""


class Views(Pins, Protocol):
    """Keeps impact views. `cache.views.Views` is the one there is."""

    def listed(self) -> Sequence[KeptView]:
        """The views there are: pinned ones first, then the largest."""


def impact_views(reader: "Reader", field: "Field") -> "Task":
    """The views there are."""
    # Imported here: these lead to the context, which has what this file says.
    from schema.follow import Spot
    from schema.plan import API_KINDS
    from schema.turns import check_turns
    from schema.types.entities import entity
    from schema.types.views import ImpactView

    below = field.below.field("ImpactView", "roots")
    if below is not None:
        check_turns(below, API_KINDS, reader.costs.max_turns)
    spot = Spot(reader, field.key, below)
    reader.values[field.key] = [
        ImpactView(
            roots=[entity(spot.add(root)) for root in view.roots] if below is not None else [],
            pinned=view.pinned,
            nodes=view.nodes,
            bytes=view.nbytes,
            epoch=str(view.epoch),
            made_at=Micros(round(view.made * 1e6)),
            checked_at=Micros(round(view.checked * 1e6)),
            hits=view.hits,
            repairs=view.repairs,
        )
        for view in reader.views()
    ]
    spot.spawn()
    yield from ()
