"""Strongly connected sets, by Tarjan's algorithm without recursion."""

import numpy as np
from numpy.typing import NDArray

from schema.adjacency import Adjacency


def components(adjacency: Adjacency) -> NDArray[np.intp]:
    """The number of each row's strongly connected set. An edge between two sets goes from the greater number to the lesser,
    so that ascending numbers meet every set after all it leads to."""
    starts, others = adjacency.starts.tolist(), adjacency.others.tolist()
    size = adjacency.size
    found = [-1] * size
    index = [0] * size  # 0: not met yet
    low = [0] * size
    cursor = starts[:size]
    stack: list[int] = []
    met = sets = 0
    for root in range(size):
        if index[root]:
            continue
        path = [root]
        met += 1
        index[root] = low[root] = met
        stack.append(root)
        while path:
            row = path[-1]
            at, end = cursor[row], starts[row + 1]
            least = low[row]
            while at < end:
                other = others[at]
                at += 1
                if not index[other]:
                    met += 1
                    index[other] = low[other] = met
                    stack.append(other)
                    path.append(other)
                    break
                if found[other] < 0 and index[other] < least:
                    least = index[other]
            else:
                path.pop()
                if least == index[row]:
                    while True:
                        member = stack.pop()
                        found[member] = sets
                        if member == row:
                            break
                    sets += 1
                elif least < low[path[-1]]:
                    low[path[-1]] = least
            low[row] = least
            cursor[row] = at
    return np.array(found, np.intp)
