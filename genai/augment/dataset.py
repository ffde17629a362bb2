"""`Augmented`: the real and the synthetic rows of an epoch, as a torch `IterableDataset`.

- An epoch is all real rows once and as many synthetic ones as `ratio` or `balance` asks for, each once at most; which,
  moves on from epoch to epoch. Their order is that of `genai.augment.order`.
- Ranks are those of torch.distributed, if it is initialised, else given. Each of them and each worker of a DataLoader
  takes a contiguous share. Training by DistributedDataParallel hangs where one rank has a batch more than another, so
  with `even` all have the same number of rows, and up to a rank less one row is left out of an epoch, another one each
  time. By default that is so where the ranks are those of torch.distributed.
- Rows are read, decoded and brought to the synthetic size and mode as they are asked for; of each worker `buffer`
  encoded rows are in memory, and what the source reads in one go.
- The epoch's number lies in shared memory, so `set_epoch` reaches workers that persist.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import PIL.Image
import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from genai.augment.files import Open, open_files
from genai.augment.order import REAL, SYNTHETIC, Blocks, Mix, Shuffled, rows, served, share
from genai.augment.pictures import picture, to_tensor
from genai.augment.position import Position
from genai.augment.published import Published
from genai.augment.quotas import wanted
from genai.augment.reading import Real, unknown
from genai.augment.synthetic import Synthetic
from genai.errors import DataError, InputError
from genai.identity import canonical, sha256
from genai.modalities.image import Image
from genai.sources import Files, Row, Source, open_source

Sample = tuple[Any, int, bool]  # value, label, whether it is synthetic
Side = Real | Synthetic
UNLABELLED = -1  # the label of a row that has none, so that samples of any kind can be collated


class Augmented(IterableDataset[Sample]):
    """Real and synthetic rows, mixed: `(value, label, synthetic)`.

    `synthetic` is the folder or URI of a published dataset, or a `Drawn`; `real` the URI of any `genai.sources.Source`,
    or one, or None for synthetic rows alone. `ratio` is the synthetic share of an epoch, or one for each class;
    `balance` fills each class up to the largest real one instead. `label` is the real rows' label column; a label is
    the position of its name in `classes`. Without `transform` a value is float32 (channels, height, width) in [0, 1];
    with it, what `transform` makes of a PIL image. `batch_size` is that of the DataLoader, if its workers shall have
    whole batches (`len(loader)` is then exact). Raises InputError where the asked cannot be had.
    """

    def __init__(
        self,
        synthetic: str | Synthetic,
        real: str | Source | None = None,
        *,
        ratio: float | Mapping[str, float] | None = None,
        balance: bool = False,
        label: str | None = "label",
        transform: Callable[[PIL.Image.Image], Any] | None = None,
        seed: int = 0,
        buffer: int = 2048,
        batch_size: int = 1,
        rank: int | None = None,
        world: int | None = None,
        even: bool | None = None,
        modality: Image | None = None,
        open_files: Open = open_files,
    ) -> None:
        _check(seed=seed, buffer=buffer, batch_size=batch_size, rank=rank, world=world)
        self._synthetic = Published(synthetic, open_files) if isinstance(synthetic, str) else synthetic
        supply = self._synthetic.supply
        self.classes, self.modality = supply.classes, _fitting(modality, self._synthetic.modality)
        self._numbers = {name: number for number, name in enumerate(self.classes)}
        alone = (ratio == 1 and ratio is not True) or (real is None and ratio is None and not balance)
        if real is None and not alone:
            raise InputError("found a ratio, or balance, without real rows; allowed: real=, or leave it out")
        self._real = None if alone or real is None else _opened(real, label if self.classes else None, open_files)
        real_rows = self._real.rows if self._real else 0
        self._quotas = wanted(supply, real_rows, self._counted, 1 if alone else ratio, balance=balance)
        self.mix = Mix(real_rows, sum(quota.rows for quota in self._quotas))
        self._transform = transform or to_tensor
        self._seed, self._buffer, self._unit = seed, buffer, batch_size
        self._rank, self._world, self._even = rank, world, even
        self._epoch, self._by_workers = _shared(), _shared()
        self._resume: Position | None = None  # where the next iteration begins
        self._now: _Counted | None = None  # where the newest one of this process stands
        self._process = os.getpid()
        self._about = self._digest()

    def __len__(self) -> int:
        """Rows of this rank's epoch."""
        return len(self._mine())

    @property
    def epoch(self) -> int:
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next iteration is: another one has another order, and other synthetic rows."""
        if not 0 <= epoch < 2**62:
            raise InputError(f"epoch: found {epoch!r}; allowed: a number from 0")
        self._epoch.fill_(epoch)
        self._by_workers.fill_(0)

    def __iter__(self) -> Iterator[Sample]:
        info, at = get_worker_info(), self._begin()
        number, workers = (info.id, info.num_workers) if info else (0, 1)
        taken, given = at.of_worker(number, workers)
        self._resume, self._now = None, _Counted(at.epoch, workers, at.turn, given)
        self._by_workers.fill_(info is not None)
        return self._samples(share(self._mine(), taken, workers, self._unit)[given:], self._now)

    def state_dict(self) -> dict[str, Any]:
        """Where this process's newest iteration stands: without workers, or in each one of torchdata's
        StatefulDataLoader, which asks for it. Raises InputError where a plain DataLoader's workers read.
        """
        if get_worker_info() is None and self._now is None and self._by_workers:
            raise InputError(
                "workers read these rows, and how many of them were used is not known here; allowed: "
                "state_after(batches, batch_size, num_workers), or torchdata's StatefulDataLoader"
            )
        if self._now and self._now.epoch == self.epoch and not self._resume:
            starts = (self._now.given,) * self._now.workers
            return Position(self._sequence, self.epoch, self._ranks()[1], starts, self._now.turn).to_dict()
        return self._begin().to_dict()

    def state_after(
        self, batches: int, batch_size: int, num_workers: int = 0, *, drop_last: bool = False
    ) -> dict[str, Any]:
        """The state when a plain DataLoader of that form has handed out so many batches of this epoch, counted from
        its start also where the loader itself began later.
        """
        _check(batch_size=batch_size)
        mine, workers = self._mine(), max(1, num_workers)
        lengths = [len(share(mine, worker, workers, self._unit)) for worker in range(workers)]
        whole = [rows // batch_size if drop_last else -(-rows // batch_size) for rows in lengths]
        if not 0 <= batches <= sum(whole):
            raise InputError(f"batches: found {batches:,}; allowed: 0 to {sum(whole):,}, those of an epoch")
        given, turn = served(batches, whole)
        starts = tuple(min(n * batch_size, rows) for n, rows in zip(given, lengths, strict=True))
        return Position(self._sequence, self.epoch, self._ranks()[1], starts, turn).to_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on there: the next iteration of that epoch begins with the next row, and reads none that was given."""
        found = Position.from_dict(state, self._sequence, self._ranks()[1])
        self.set_epoch(found.epoch)
        self._resume = found

    def _begin(self) -> Position:
        """Where the next iteration begins."""
        if self._resume and self._resume.epoch == self.epoch:
            return self._resume
        return Position(self._sequence, self.epoch, self._ranks()[1])

    def _samples(self, places: range, now: _Counted) -> Iterator[Sample]:
        sides = self._sides(places, now.epoch)
        for place in places:
            synthetic = self.mix.is_synthetic(place)
            side, found = sides[synthetic]
            sample = self._sample(next(found), side, synthetic=synthetic)
            now.given += 1
            yield sample

    def _sides(self, places: range, epoch: int) -> dict[bool, tuple[Side, Iterator[Row]]]:
        """The rows of either side for some places of an epoch's sequence."""
        reconnect = self._process != os.getpid()
        start, stop = self.mix.before(places.start), self.mix.before(places.stop)
        synthetic = self._synthetic.reader(reconnect=reconnect)
        blocks = synthetic.epoch(self._quotas, epoch, self._seed)
        order = self._order(blocks, epoch, SYNTHETIC, synthetic.window)
        found: dict[bool, tuple[Side, Iterator[Row]]] = {True: (synthetic, rows(blocks, order, start, stop))}
        if self._real:
            real = self._real.reader(reconnect=reconnect)
            order = self._order(real, epoch, REAL)
            found[False] = real, rows(real, order, places.start - start, places.stop - stop)
        return found

    def _order(self, blocks: Blocks, epoch: int, side: int, window: int | None = None) -> Shuffled:
        held = -(-self._buffer * int(blocks.counts.sum()) // max(1, self.mix.total))
        return Shuffled(blocks.counts, window or max(1, held), self._seed, epoch, side)

    def _sample(self, row: Row, side: Side, *, synthetic: bool) -> Sample:
        try:
            found = picture(row.value, self.modality)
        except DataError as error:
            raise side.fault(row, str(error)) from error
        return self._transform(found), self._label(row, side), synthetic

    def _label(self, row: Row, side: Side) -> int:
        if row.label is None:
            return UNLABELLED
        number = self._numbers.get(str(row.label))
        if number is None:
            raise side.fault(row, unknown(row, self.classes))
        return number

    def _counted(self) -> list[int]:
        """The real rows of each class."""
        if self._real is None or self._real.source.label is None:
            raise InputError("found real rows without labels; allowed: ratio=, one number")
        return self._real.counted(self._numbers)

    def _mine(self) -> range:
        """The places of this rank."""
        rank, world = self._ranks()
        total = self.mix.total
        return share(range(total - total % world if self._is_even() else total), rank, world)

    def _ranks(self) -> tuple[int, int]:
        if self._rank is not None and self._world is not None:
            return self._rank, self._world
        if dist.is_available() and dist.is_initialized():
            return dist.get_rank(), dist.get_world_size()
        return 0, 1

    def _is_even(self) -> bool:
        return self._rank is None if self._even is None else self._even

    @property
    def _sequence(self) -> str:
        """Names all that the rows of a rank follow from."""
        return f"{self._about}{'-even' if self._is_even() and self._ranks()[1] > 1 else ''}"

    def _digest(self) -> str:
        quotas = [(quota.label, quota.rows) for quota in self._quotas]
        real = self._real.identity if self._real else None
        about = [self._synthetic.identity, real, quotas, self._seed, self._buffer, self._unit]
        return sha256(canonical(about))[:16]

    def __getstate__(self) -> dict[str, Any]:
        """A worker that is started anew does not know torch.distributed's ranks."""
        ranks = dict(zip(("_rank", "_world"), self._ranks(), strict=True)) if self._ranks()[1] > 1 else {}
        return {**vars(self), **ranks, "_even": self._is_even(), "_now": None}


@dataclass
class _Counted:
    """An iteration, as far as it has come."""

    epoch: int
    workers: int
    turn: int
    given: int


def _shared() -> Tensor:
    """A number that workers see as well."""
    return torch.zeros((), dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]


def _fitting(asked: Image | None, found: Image) -> Image:
    """What both sides are brought to: the synthetic size and mode, where the caller leaves them open."""
    return replace(asked, size=asked.size or found.size, mode=asked.mode or found.mode) if asked else found


def _opened(real: str | Source, label: str | None, opener: Open) -> Real:
    if isinstance(real, Source):
        return Real(real, "")
    roots = [""]

    def noted(uri: str) -> Files:
        roots.append(uri)
        return opener(uri)

    return Real(open_source(real, label, noted), roots[-1])


def _check(**given: int | None) -> None:
    """Raises InputError where a number is none of those allowed."""
    allowed = {"seed": range(2**63), "buffer": range(1, 2**40), "batch_size": range(1, 2**40), "world": range(1, 2**31)}
    if (given.get("rank") is None) != (given.get("world") is None):
        raise InputError("found rank without world, or world without rank; allowed: both, or neither")
    if given.get("rank") is not None:
        allowed["rank"] = range(given["world"] or 1)
    for name, value in given.items():
        if value is not None and value not in allowed[name]:
            raise InputError(f"{name}: found {value!r}; allowed: {allowed[name].start} to {allowed[name].stop - 1:,}")
