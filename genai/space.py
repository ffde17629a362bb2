"""What a family models: tensors of one shape, of numbers or of tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Space:
    """Numbers in [-1, 1], float32 of (rows, *shape); or where there is a `vocabulary`, tokens, int64 of (rows, length)
    in [0, vocabulary): 0 ends a sequence, and what follows it is 0 as well and counts for nothing.

    Where rows have a `caption`, they are drawn under a text of so many bytes in place of a class: int64 of
    (rows, caption), UTF-8 that zeros end.

    A row of several `frames` is a picture that moves: the channels are those of the first frame, then of the next.
    """

    shape: tuple[int, ...]
    vocabulary: int = 0
    caption: int = 0
    frames: int = 1
