"""Drawing samples from a checkpoint: sample i is a pure function of (checkpoint, seed, i, attempt).

Its bits also depend on the batch size, the precision and the kind of device, because the order of floating-point sums
does. So every batch has the same size, a multiple of 16 (libraries treat the rows at the ragged end of a matrix
otherwise than the rest), and the last one is padded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genai.checkpoint import Checkpoint
from genai.editing import Editing
from genai.errors import InputError
from genai.noise import IndexNoise
from genai.train import autocast

ROUND = 16


class Generator:
    """A checkpoint on a device, ready to draw. `sampler` is an instance of the family's `Sampler`. Of a checkpoint of
    rows with captions, sample i is drawn under the prompt i modulo their number. Raises InputError where these are
    missing, or a prompt is longer than the captions. `folder` has the files of a pretrained pipeline; it is not needed
    afterwards. With `editing`, samples are drawn from rows that there are.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        seed: int,
        batch: int = 128,
        sampler: Any = None,
        precision: str = "fp32",
        device: torch.device | str = "cpu",
        threads: int = 1,
        prompts: Sequence[str] = (),
        folder: Path | None = None,
        editing: Editing | None = None,
    ) -> None:
        self.checkpoint, self.seed, self.precision, self.threads = checkpoint, seed, precision, threads
        self.batch = -(-batch // ROUND) * ROUND
        self.sampler = checkpoint.family.Sampler() if sampler is None else sampler
        checkpoint.modality.check_prompts(prompts)
        self.prompts, self.editing = prompts, editing
        self.device = torch.device(device)
        self._net = checkpoint.network(folder).to(self.device)

    def draw(
        self,
        indices: Sequence[int],
        labels: Sequence[int] | None = None,
        attempt: int = 0,
        progress: Callable[[int], None] = lambda _: None,
    ) -> np.ndarray:
        """The samples `indices`, of the classes `labels` (None where the checkpoint has no classes), at their
        `attempt`-th try: uint8, (rows, *array_shape). `progress` hears before each batch how many are drawn. Raises
        InputError on a label that is not in [0, classes).
        """
        torch.set_num_threads(self.threads)  # of the calling thread: OpenMP keeps the number by thread
        wanted = np.zeros(len(indices), np.int64) if labels is None else np.asarray(labels, np.int64)
        self._check(wanted, given=labels is not None)
        starts = range(0, len(indices), self.batch)
        parts = []
        for a in starts:
            progress(a)
            parts.append(self._batch(indices[a : a + self.batch], wanted[a : a + self.batch], attempt))
        return np.concatenate(parts) if parts else np.empty((0, *self.checkpoint.modality.array_shape), np.uint8)

    @torch.inference_mode()
    def _batch(self, indices: Sequence[int], labels: np.ndarray, attempt: int) -> np.ndarray:
        rows, missing = len(indices), self.batch - len(indices)
        padded = [*indices, *[indices[-1]] * missing]
        modality, prompts = self.checkpoint.modality, None
        if self.prompts:
            prompts = [self.prompts[index % len(self.prompts)] for index in padded]
        c = modality.asked(np.pad(labels, (0, missing), mode="edge"), prompts).to(self.device)
        noise = IndexNoise(self.seed, padded, attempt, device=self.device)
        family, editing = self.checkpoint.family, self.editing
        with autocast(self.device, self.precision):
            if editing is None:
                x = family.sample(self._net, c, noise, self.sampler)
            else:
                given = editing.given(padded, modality, prompts, self.device)
                x = editing.mode.draw(family, self._net, given, c, noise, self.sampler)
        return modality.told(modality.from_tensor(x[:rows]), prompts and prompts[:rows])

    def _check(self, labels: np.ndarray, *, given: bool) -> None:
        classes = len(self.checkpoint.classes)
        if classes and not given:
            raise InputError(f"the checkpoint has {classes} classes: give a label for each sample")
        if given and len(labels) and not (labels.min() >= 0 and labels.max() < max(classes, 1)):
            raise InputError(f"found labels {labels.min()} to {labels.max()}; allowed: 0 to {max(classes, 1) - 1}")
