"""How a family is trained: the fields that the spec may say under `train:` and that join the training key.

Free of torch, so that a job file can be checked without it. The number of workers is not here: it changes
no bit (see `genai.train`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Len, Lt, doc

Decay = Annotated[float, Ge(0), Lt(1)]


@dataclass(frozen=True)
class Recipe:
    """An optimisation, as a pure function of (data, family, recipe)."""

    steps: Annotated[int, Ge(1), doc("Optimiser steps; give either steps or epochs.")] | None = None
    epochs: (
        Annotated[float, Gt(0), doc("Passes over the training rows; 10 where steps are not given either.")] | None
    ) = None
    batch: Annotated[int, Ge(1), doc("Rows of one step, over all workers.")] = 128
    micro_batches: Annotated[int, Ge(1), Le(1024), doc("Pieces of a batch, summed in one fixed tree.")] = 4
    optimizer: Annotated[Literal["adam", "adamw"], doc("Rule of the update.")] = "adam"
    betas: Annotated[tuple[Decay, ...], Len(2, 2), doc("Decays of Adam's two averages.")] = (0.9, 0.999)
    learning_rate: Annotated[float, Gt(0), doc("Largest learning rate.")] = 1e-3
    weight_decay: Annotated[float, Ge(0), doc("Decoupled weight decay; adamw only.")] = 0.0
    schedule: Annotated[
        Literal["constant", "linear", "cosine"], doc("Of the learning rate after the warm-up, down to zero.")
    ] = "cosine"
    warmup: Annotated[int, Ge(0), doc("Steps of linear warm-up.")] = 0
    clip: Annotated[float, Gt(0), doc("Largest norm of the whole gradient; null: any.")] | None = 1.0
    ema: Annotated[float, Ge(0), Lt(1), doc("Decay of the averaged weights, which are then the model; 0: none.")] = 0.0
    precision: Annotated[Literal["fp32", "bf16", "fp16"], doc("Arithmetic of the network.")] = "fp32"
    seed: Annotated[int, Ge(0), Lt(2**63), doc("Of initial weights, order of rows and training noise.")] = 0
    threads: Annotated[int, Ge(1), doc("CPU threads of a worker; they change bits.")] = 1
    validate_every: Annotated[int, Ge(1), doc("Steps between validations.")] = 500
    validation_rows: Annotated[int, Ge(1), doc("At most so many held-out rows each time.")] = 2048
    checkpoint_every: Annotated[int, Ge(1), doc("Steps; what a killed training loses at most.")] = 500
    reduction: Annotated[
        Literal["tree", "ddp"], doc("How gradients are summed; ddp: faster, but bits depend on the workers.")
    ] = "tree"
    keep: Annotated[Literal["best", "last"], doc("Which weights become the model.")] = "last"

    def total_steps(self, rows: int) -> int:
        """Optimiser steps of a training on `rows` rows."""
        if self.steps is not None:
            return self.steps
        return max(1, round((self.epochs or 10) * rows / self.batch))
