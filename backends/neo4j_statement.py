"""A Cypher statement with its parameters. Texts are made of our own names and checked whole numbers, never of input.

A property stands to the left of what it is compared with: of `$p.low <= n._number` Neo4j takes `$p.low` for the property,
finds no index for it, and reads the index of `_number` from its beginning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Statement:
    """`parameters` are one map, `$p` in the text: of a list that is a parameter of its own Neo4j plans the statement anew
    for each order of magnitude of its length. `writes` says that it changes the graph or takes locks: in a cluster the
    leader runs it."""

    text: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    writes: bool = False
