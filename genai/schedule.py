"""What changes from step to step, each a pure function of the recipe and the step, but for the loss scale."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

from genai.recipe import Recipe


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of step `step` (from 0) of `steps`: a linear warm-up, then the schedule, down to 0."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, steps - recipe.warmup)
    factor = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + cos(pi * done)) / 2}[recipe.schedule]
    return recipe.learning_rate * factor


def averaging(ema: float, step: int) -> float:
    """The decay of the averaged weights: it rises to `ema`, so that the first weights are soon forgotten."""
    return min(ema, (1 + step) / (10 + step))


@dataclass
class LossScale:
    """The power of two that fp16 losses are multiplied by: halved on overflow, doubled after 2,000 good steps."""

    on: bool
    value: float = 1.0
    good: int = 0

    def __post_init__(self) -> None:
        if self.on:
            self.value = 2.0**15

    @property
    def state(self) -> list[float]:
        return [self.value, self.good]

    @state.setter
    def state(self, found: list[float]) -> None:
        self.value, self.good = float(found[0]), int(found[1])

    def shrink(self) -> bool:
        """After an overflow: whether a smaller scale is worth trying."""
        self.value, self.good = self.value / 2, 0
        return self.on and self.value >= 1

    def grow(self) -> None:
        """After a step that was fine."""
        self.good += 1
        if self.on and self.good % 2000 == 0:
            self.value *= 2
