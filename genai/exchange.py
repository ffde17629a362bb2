"""How workers add up: a sum over micro-batches whose bits do not depend on who computed which.

The M leaves of a sum (one a micro-batch) are added in one fixed binary tree: a node over [lo, hi) is the sum of its
halves, cut at (lo + hi) // 2. Worker r of W owns the leaves [r M // W, (r + 1) M // W); alone it adds up the largest
subtrees that it owns whole, hands those few partial sums to all, and every worker finishes the tree alike. So any
W <= M gives the bits that one worker gives, and two workers send what a plain all-reduce would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from genai.errors import InputError

Node = tuple[int, int]  # the leaves [lo, hi)


class Exchange(Protocol):
    """What training needs of its group of workers."""

    @property
    def rank(self) -> int: ...
    @property
    def size(self) -> int: ...

    def gather(self, value: Tensor) -> list[Tensor]:
        """`value` of each worker, by rank. All call it together, with one shape, dtype and device; the tensors
        that come back are the caller's to overwrite.
        """
        ...


@dataclass(frozen=True)
class Alone:
    """One worker."""

    rank: int = 0
    size: int = 1

    def gather(self, value: Tensor) -> list[Tensor]:
        return [value]


def share(rank: int, size: int, leaves: int) -> range:
    """The leaves of a worker. Raises InputError where there are more workers than leaves."""
    if size > leaves:
        raise InputError(f"train.workers.count is {size}; allowed: at most train.micro_batches, {leaves}")
    return range(rank * leaves // size, (rank + 1) * leaves // size)


def subtrees(owned: range, node: Node) -> list[Node]:
    """The largest nodes below `node` all of whose leaves are owned, from left to right."""
    lo, hi = node
    if owned.start <= lo and hi <= owned.stop:
        return [node]
    if hi <= owned.start or owned.stop <= lo:
        return []
    middle = (lo + hi) // 2
    return subtrees(owned, (lo, middle)) + subtrees(owned, (middle, hi))


def tree_sum(node: Node, known: Callable[[Node], Tensor | None]) -> Tensor:
    """The sum of a node, from the nodes below it whose sums are known; those are overwritten."""
    found = known(node)
    if found is not None:
        return found
    lo, hi = node
    middle = (lo + hi) // 2
    return tree_sum((lo, middle), known).add_(tree_sum((middle, hi), known))


def total(leaf: Callable[[int], Tensor], leaves: int, exchange: Exchange) -> Tensor:
    """The sum of `leaf(0)` … `leaf(leaves - 1)`, equal vectors in shape; each worker computes its own leaves only."""
    root = (0, leaves)
    nodes = [subtrees(share(rank, exchange.size, leaves), root) for rank in range(exchange.size)]
    own = [tree_sum(node, lambda n: leaf(n[0]) if n[1] - n[0] == 1 else None) for node in nodes[exchange.rank]]
    if exchange.size == 1:
        return own[0]
    slots = max(map(len, nodes))  # gathered tensors are of one shape
    padding = [torch.zeros_like(own[0])] * (slots - len(own))
    gathered = exchange.gather(torch.stack(own + padding))
    sums = {node: gathered[rank][slot] for rank in range(exchange.size) for slot, node in enumerate(nodes[rank])}
    return tree_sum(root, sums.get)
