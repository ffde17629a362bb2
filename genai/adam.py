"""Adam (Kingma and Ba 2015), and AdamW (Loshchilov and Hutter 2019), over one vector of weights.

The arithmetic is torch's own, in one pass (`torch.optim.adam.adam`, fused). Its class `torch.optim.Adam` would do the
same, but its first use imports torch's compiler, two seconds for each process that trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.optim.adam import adam

from genai.recipe import Recipe


class Adam:
    """The moments of the weights' gradient. `state` is all of it, by the names that torch gives it."""

    EPS: ClassVar[float] = 1e-8

    def __init__(self, recipe: Recipe, weights: Tensor) -> None:
        self.recipe, self.weights = recipe, weights
        self.state = {
            "step": torch.zeros((), device=weights.device),
            "exp_avg": torch.zeros_like(weights),
            "exp_avg_sq": torch.zeros_like(weights),
        }

    @torch.no_grad()
    def step(self, gradient: Tensor, lr: float) -> None:
        """Move the weights."""
        beta1, beta2 = map(float, self.recipe.betas)  # torch refuses a 0 that is no float
        adam(
            [self.weights],
            [gradient],
            [self.state["exp_avg"]],
            [self.state["exp_avg_sq"]],
            [],
            [self.state["step"]],
            fused=True,
            amsgrad=False,
            decoupled_weight_decay=self.recipe.optimizer == "adamw",
            beta1=beta1,
            beta2=beta2,
            lr=lr,
            weight_decay=self.recipe.weight_decay if self.recipe.optimizer == "adamw" else 0.0,
            eps=self.EPS,
            maximize=False,
        )

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a saved `state`. Raises KeyError or RuntimeError where it is of other weights."""
        for name, tensor in self.state.items():
            tensor.copy_(state[name])
