"""How a family is trained: the fields that the spec may say under `train:` and that join the training key.

Free of torch, so that a job file can be checked without it. The number of workers is not here: it changes
no bit (see `genai.train`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt


@dataclass(frozen=True)
class Recipe:
    """An optimisation, as a pure function of (data, family, recipe)."""

    steps: Annotated[int, Ge(1)] | None = None  # optimiser steps; give either steps or epochs
    epochs: Annotated[float, Gt(0)] | None = None  # passes over the training rows
    batch: Annotated[int, Ge(1)] = 128  # rows of one step, over all workers
    micro_batches: Annotated[int, Ge(1), Le(1024)] = 4  # pieces of a batch whose gradients are summed in one fixed tree
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    weight_decay: Annotated[float, Ge(0)] = 0.0  # decoupled, adamw only
    schedule: Literal["constant", "linear", "cosine"] = "cosine"  # after the warm-up, down to zero
    warmup: Annotated[int, Ge(0)] = 0  # steps of linear warm-up
    clip: Annotated[float, Gt(0)] | None = 1.0  # largest norm of the whole gradient
    ema: Annotated[float, Ge(0), Lt(1)] = 0.0  # decay of the averaged weights, which are then the model; 0: none
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    seed: Annotated[int, Ge(0), Lt(2**63)] = 0  # of the initial weights, the order of rows and the training noise
    threads: Annotated[int, Ge(1)] = 1  # CPU threads of a worker: they change bits, so they are part of the recipe
    validate_every: Annotated[int, Ge(1)] = 500  # steps
    validation_rows: Annotated[int, Ge(1)] = 2048  # at most so many held-out rows each time
    checkpoint_every: Annotated[int, Ge(1)] = 500  # steps; what a killed training loses at most
    reduction: Literal["tree", "ddp"] = "tree"  # ddp: faster sums, but bits then depend on the number of workers
    keep: Literal["best", "last"] = "last"  # which weights become the model

    def total_steps(self, rows: int) -> int:
        """Optimiser steps of a training on `rows` rows."""
        if self.steps is not None:
            return self.steps
        return max(1, round((self.epochs or 10) * rows / self.batch))
