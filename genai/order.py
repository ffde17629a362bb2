"""The order in which training sees its rows: a pure function of (rows, batch, micro-batches, seed).

A global batch of B rows is cut into M micro-batches; micro-batch m of every step continues *stream* m, an endless
sequence over the contiguous share [m n // M, (m + 1) n // M) of the n prepared rows. So whichever worker computes
m, and however many workers there are, it sees the same rows, and it needs to fetch those of its own streams only.
(Prepared rows stand in the order of their content's hash, so a share is a random sample of the data.)

An epoch of a stream gives every row of its share once: the share is cut into chunks of successive rows, the chunks
are permuted, `group` successive ones form a window, and the rows of a window are permuted. A window is what has to
be in memory. Starting at any step costs the same as starting at 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from genai.errors import DataError
from genai.philox import SHUFFLE, stream

CHUNK_BYTES = 1 << 20
Batch = tuple[np.ndarray, np.ndarray]  # arrays uint8 (rows, *shape), labels int64 (rows,)
Load = Callable[[Sequence[range]], Batch]  # the rows of some ranges, one range after the other


def chunk_rows(row_bytes: int) -> int:
    """Rows of a chunk: about 1 MiB of them, by the size of a row alone; at most 1,024."""
    return max(1, min(1024, CHUNK_BYTES // max(1, row_bytes)))


@dataclass(frozen=True)
class Window:
    """What is loaded in one go: `ranges` of rows one after the other, to be read in the order `permutation`,
    of which the first `skip` have been read before the start.
    """

    ranges: tuple[range, ...]
    permutation: np.ndarray
    skip: int = 0


@dataclass(frozen=True)
class Order:
    """The order of a training. Raises DataError where there are fewer rows than one batch."""

    rows: int
    batch: int
    micro_batches: int
    seed: int
    chunk: int = 512  # rows; `chunk_rows` of the data
    group: int = 16  # chunks of a window

    def __post_init__(self) -> None:
        if self.rows < self.batch:
            raise DataError(
                f"the training split has {self.rows:,} rows, fewer than one batch of {self.batch:,}; "
                f"give more data or set train.batch to at most {self.rows}"
            )
        if self.batch < self.micro_batches:
            raise DataError(f"train.batch is {self.batch}; allowed: at least train.micro_batches, {self.micro_batches}")

    def share(self, micro: int) -> range:
        """The rows that stream `micro` draws from."""
        return range(micro * self.rows // self.micro_batches, (micro + 1) * self.rows // self.micro_batches)

    def size(self, micro: int) -> int:
        """Rows of micro-batch `micro` in every batch; any two differ by one at most."""
        return (micro + 1) * self.batch // self.micro_batches - micro * self.batch // self.micro_batches

    def windows(self, micro: int, start_row: int = 0) -> Iterator[Window]:
        """Stream `micro` without end, from its row `start_row` on."""
        epoch, skip = divmod(start_row, len(self.share(micro)))
        while True:
            for window in self._epoch(micro, epoch):
                if skip < len(window.permutation):
                    yield Window(window.ranges, window.permutation, skip)
                skip = max(0, skip - len(window.permutation))
            epoch += 1

    def _epoch(self, micro: int, epoch: int) -> Iterator[Window]:
        share = self.share(micro)
        first = share.start // self.chunk * self.chunk  # chunks lie as they do on disk; the share's ends cut them
        starts = range(first, share.stop, self.chunk)
        chunks = [range(max(at, share.start), min(at + self.chunk, share.stop)) for at in starts]
        turn = stream(self.seed, SHUFFLE, micro, epoch, 0).permutation(len(chunks))
        for number, at in enumerate(range(0, len(chunks), self.group), start=1):
            ranges = tuple(chunks[i] for i in turn[at : at + self.group])
            rows = sum(map(len, ranges))
            yield Window(ranges, stream(self.seed, SHUFFLE, micro, epoch, number).permutation(rows))


def batches(order: Order, load: Load, micro: int, start_step: int = 0) -> Iterator[Batch]:
    """Micro-batch `micro` of the steps `start_step`, `start_step` + 1, … without end.

    `load` is called once a window; it may prefetch by walking `order.windows` itself.
    """
    size = order.size(micro)
    pieces: list[Batch] = []
    for window in order.windows(micro, start_step * size):
        arrays, labels = load(window.ranges)
        taken = window.permutation[window.skip :]
        held = sum(len(piece[1]) for piece in pieces)
        cuts = range(size - held, len(taken) + 1, size)
        for stop in cuts:
            rows = taken[max(0, stop - size) : stop]
            yield _joined([*pieces, (arrays[rows], labels[rows])])
            pieces = []
        rest = taken[cuts[-1] if cuts else 0 :]
        pieces.append((arrays[rest], labels[rest]))


def _joined(pieces: Sequence[Batch]) -> Batch:
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate([arrays for arrays, _ in pieces]), np.concatenate([labels for _, labels in pieces])


@dataclass(frozen=True)
class Stream:
    """Rows in training order, loaded a window at a time by `load`."""

    order: Order
    load: Load

    @property
    def rows(self) -> int:
        return self.order.rows

    def batches(self, micro: int, start_step: int = 0) -> Iterator[Batch]:
        """Micro-batch `micro` of each step from `start_step` on, without end."""
        return batches(self.order, self.load, micro, start_step)


class Rows(Stream):
    """Rows that are in memory: `Rows(arrays, labels, batch, micro_batches, seed)`."""

    def __init__(self, arrays: np.ndarray, labels: np.ndarray, batch: int, micro_batches: int, seed: int) -> None:
        chunk = chunk_rows(int(np.prod(arrays.shape[1:], dtype=np.int64)))

        def load(ranges: Sequence[range]) -> Batch:
            return _joined([(arrays[r.start : r.stop], labels[r.start : r.stop]) for r in ranges])

        super().__init__(Order(len(arrays), batch, micro_batches, seed, chunk), load)
