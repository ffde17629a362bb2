"""Samples drawn from a checkpoint while training goes on, in the place of a published dataset.

Sample i is the one that a job of the same checkpoint, seed, weights and generate.* publishes as index i, since both are
the same function of them. Without `count` there is no last one, so every epoch has samples that no epoch had before.
An epoch's indices are permuted as a whole and drawn a batch at a time, where they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

import genai.filters
from genai.accept import DRAWS, Terms
from genai.augment.files import Open, open_files
from genai.augment.order import CHOICE, MIX
from genai.augment.quotas import ENDLESS, Choice, Quota, Supply
from genai.augment.synthetic import Synthetic
from genai.checkpoint import CONFIG, MODEL, Checkpoint
from genai.errors import InputError, IntegrityError, NotFound
from genai.fields import checked
from genai.filters import Filter
from genai.generate import ROUND, Generator
from genai.identity import canonical, sha256
from genai.modalities.image import Image
from genai.philox import stream
from genai.registry import describe
from genai.sources import Row


class Drawn(Synthetic):
    """Samples of the checkpoint in a folder (`<output>/<job>/checkpoints/<key>`), or of one at hand.

    `weights` says how often each class comes, one number a class, as the plan of a job does (null: all alike). The rest
    are the fields of `generate` in a job. On a GPU, leave the drawing to the training process: num_workers=0.
    """

    def __init__(
        self,
        checkpoint: str | Checkpoint,
        count: int | None = None,
        *,
        weights: Sequence[int] | None = None,
        seed: int = 0,
        batch: int = 128,
        sampler: Mapping[str, Any] | None = None,
        precision: str = "fp32",
        device: str = "cpu",
        threads: int = 1,
        filters: Sequence[Filter] = (),
        draws: int = DRAWS,
        open_files: Open = open_files,
    ) -> None:
        place = checkpoint if isinstance(checkpoint, str) else "the checkpoint"
        found = _loaded(checkpoint, open_files) if isinstance(checkpoint, str) else checkpoint
        if not isinstance(found.modality, Image):
            raise InputError(f"{place}: it draws {type(found.modality).__name__}; allowed: images")
        self.modality, self.checkpoint = found.modality, found
        self.supply = Supply(place, found.classes, _weights(found, weights), _count(count), "a larger count=")
        self._how: dict[str, Any] = {
            "seed": seed,
            "batch": batch,
            "precision": precision,
            "device": device,
            "threads": threads,
        }
        _check(self._how)
        self._sampler = _sampler(found, sampler)
        self.window: int = -(-batch // ROUND) * ROUND
        about = {**self._how, "checkpoint": found.digest, "weights": self.supply.weights, "count": count}
        self._terms = Terms(tuple(filters), draws)
        about |= {"filters": [describe(genai.filters, each) for each in filters]} if filters else {}
        self.identity = sha256(canonical({**about, "sampler": asdict(self._sampler)}))
        self._generator: Generator | None = None

    def epoch(self, quotas: tuple[Quota, ...], number: int, seed: int) -> Drawing:
        return Drawing(self, Choice(self.supply, quotas, number), seed)

    def draw(self, indices: np.ndarray) -> np.ndarray:
        """The samples of some indices, (rows, *array_shape) uint8."""
        before = torch.get_num_threads()  # of this process, which may be the one that trains
        self._generator = self._generator or Generator(self.checkpoint, sampler=self._sampler, **self._how)
        labels = self.supply.labels(indices).tolist() if self.supply.classes else None
        try:
            return self._terms.draw(self._generator, indices.tolist(), labels).arrays
        finally:
            torch.set_num_threads(before)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_generator": None}


class Drawing:
    """What an epoch takes: its indices in an order of their own, a block a batch."""

    def __init__(self, drawn: Drawn, choice: Choice, seed: int) -> None:
        self._drawn = drawn
        found = [choice.supply.index(q.label, choice.numbers(i)) for i, q in enumerate(choice.quotas)]
        indices = np.concatenate([np.empty(0, np.int64), *found])
        self._indices = indices[stream(seed, MIX, choice.epoch, CHOICE).permutation(len(indices))]
        self._batch = drawn.window
        self.counts = np.minimum(self._batch, len(indices) - np.arange(0, len(indices), self._batch))

    def read(self, block: int, wanted: np.ndarray) -> Iterator[Row]:
        indices = self._indices[block * self._batch + wanted]
        labels = self._drawn.supply.labels(indices)
        classes = self._drawn.supply.classes
        for index, label, array in zip(indices.tolist(), labels.tolist(), self._drawn.draw(indices), strict=True):
            yield Row(array, classes[label] if classes else None, f"index {index}")


def _loaded(uri: str, opener: Open) -> Checkpoint:
    files = opener(uri.rstrip("/"))
    found = {}
    for name in (CONFIG, MODEL):
        try:
            with files.open(name) as file:
                found[name] = file.read()
        except NotFound:
            raise InputError(
                f"{uri}: found no {name}; allowed: the folder of a checkpoint, <output>/<job>/checkpoints/<key>"
            ) from None
    try:
        return Checkpoint.from_files(found)
    except IntegrityError as error:
        raise IntegrityError(f"{uri}: {error}") from error


def _check(how: Mapping[str, Any]) -> None:
    allowed = {"seed": range(2**63), "batch": range(1, 1_000_001), "threads": range(1, 1025)}
    for name, values in allowed.items():
        if how[name] not in values:
            raise InputError(f"{name}: found {how[name]!r}; allowed: {values.start} to {values.stop - 1}")
    if how["precision"] not in (known := ("fp32", "bf16", "fp16")):
        raise InputError(f"precision: found {how['precision']!r}; allowed: {', '.join(known)}")


def _weights(found: Checkpoint, weights: Sequence[int] | None) -> tuple[int, ...]:
    given = tuple(1 for _ in found.classes) if weights is None else tuple(weights)
    if len(given) != len(found.classes) or min(given, default=1) < 0 or (given and not any(given)):
        raise InputError(f"weights: found {list(given)}; allowed: one number for each of {', '.join(found.classes)}")
    return given


def _count(count: int | None) -> int:
    if count is not None and not 1 <= count < ENDLESS:
        raise InputError(f"count: found {count!r}; allowed: a number from 1, or None for no end")
    return ENDLESS if count is None else count


def _sampler(found: Checkpoint, given: Mapping[str, Any] | None) -> Any:
    kind = found.family.Sampler
    try:
        return kind(**checked(kind, dict(given or {})))
    except (TypeError, ValueError) as error:
        raise InputError(f"sampler: {error}; allowed: the fields of {kind.__name__}") from error
