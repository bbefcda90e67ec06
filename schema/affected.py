"""Pages of what a change affects, in the order asked for. Only the ids that a page may hold are looked up as text."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backends.ids import name_of
from schema.drive import Reader
from schema.enums import ImpactOrder
from schema.follow import BEFORE_DEPTH_1
from schema.plan import API_KINDS, nodes_below, read_page
from schema.selection import Field, Selection
from schema.shown import Shown
from schema.turns import check_turns

Place: TypeAlias = tuple[int | float | str, ...]
_ORDERS = {ImpactOrder.DEPTH: "near", ImpactOrder.IMPACT_LEVEL: "level", ImpactOrder.NAME: "name"}


class AffectedPage(NamedTuple):
    """One `affected` field of an impact. `order` is that of its cursors, `levelled` whether impact levels are needed."""

    field: Field
    order: str
    first: int
    after: Place | None
    rows: bool
    levelled: bool
    below: Selection

    @classmethod
    def of(cls, field: Field, reader: Reader) -> "AffectedPage":
        """Raises BAD_INPUT, TOO_COSTLY."""
        order = _ORDERS[field.args.get("orderBy") or ImpactOrder.DEPTH]
        page = read_page(field, order, 50, "ImpactConnection")
        rows = field.below.field("ImpactConnection", "edges")
        levelled = order == "level" or (rows is not None and "impactLevel" in rows.names("ImpactEdge"))
        below = nodes_below(field.below, "ImpactConnection", "ImpactEdge")
        check_turns(below, API_KINDS, reader.costs.max_turns)
        return cls(field, order, page.first, page.after, page.rows, levelled, below)

    def places(self, shown: Shown, levels: NDArray[np.float64]) -> list[tuple[Place, int]]:
        """The rows of the page and one more: the place of each in its order, and its position among the shown."""
        if self.order == "near":
            after = BEFORE_DEPTH_1 if self.after is None else (int(self.after[0]), str(self.after[1]))
            positions, ids = shown.nearest(self.first + 1, after=after)
            depths = shown.depths[positions].tolist()
            return [((depth, each), at) for depth, each, at in zip(depths, ids, positions.tolist(), strict=True)]
        affected = np.flatnonzero(~shown.roots)
        found: list[tuple[Place, int]]
        if self.order == "name":
            ids = shown.ids(affected)
            found = [((name_of(each), each), at) for each, at in zip(ids, affected.tolist(), strict=True)]
        else:
            found = self._by_level(shown, levels, affected)
        found.sort()
        if self.after is not None:
            found = [each for each in found if each[0] > self.after]
        return found[: self.first + 1]

    def _by_level(self, shown: Shown, levels: NDArray[np.float64], affected: NDArray[np.intp]) -> list[tuple[Place, int]]:
        """Those that the page may hold: all that tie with its first or its last row are among them."""
        less, depths = -levels[affected], shown.depths[affected]
        needed = self.first + 1
        if self.after is not None:
            level, depth = float(self.after[0]), int(self.after[1])
            later = (less > level) | ((less == level) & (depths >= depth))
            affected, less, depths = affected[later], less[later], depths[later]
            needed += int(np.count_nonzero((less == level) & (depths == depth)))
        if needed < len(affected):
            last = np.lexsort((depths, less))[needed - 1]
            early = (less < less[last]) | ((less == less[last]) & (depths <= depths[last]))
            affected, less, depths = affected[early], less[early], depths[early]
        ids = shown.ids(affected)
        rows = zip(less.tolist(), depths.tolist(), ids, affected.tolist(), strict=True)
        return [((level, depth, each), at) for level, depth, each, at in rows]
