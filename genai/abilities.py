"""What some families can do with rows that there are, beside drawing new ones. A family has an ability by being of its
class; a mode (`genai.modes`) says which it needs.

Tensors are as in `genai.families`, and row i of a result may depend on row i of the arguments only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise


class Varies(ABC):
    """Rows like others."""

    @abstractmethod
    def vary(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise, sampler: Any, strength: float) -> Tensor:
        """Rows like `x`: hardly changed at a strength near 0, as new as any sample at 1."""


class Fills(ABC):
    """Rows of which a part is made anew."""

    @abstractmethod
    def fill(self, net: nn.Module, x: Tensor, hole: Tensor, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        """`x` with what is in `hole`, (rows, 1, height, width) bool, made anew, in keeping with the rest. What is not
        in it is the caller's to put back.
        """


class Restores(Fills):
    """Rows that agree with what is known of them."""

    @abstractmethod
    def restore(
        self, net: nn.Module, agreed: Callable[[Tensor], Tensor], c: Tensor, noise: Noise, sampler: Any
    ) -> Tensor:
        """Samples x with agreed(x) = x: `agreed` carries rows to the nearest that agree with what is known."""

    def fill(self, net: nn.Module, x: Tensor, hole: Tensor, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        return self.restore(net, lambda made: made.where(hole, x), c, noise, sampler)


class Denoises(ABC):
    """Rows without the noise on them."""

    @abstractmethod
    def denoise(self, net: nn.Module, y: Tensor, c: Tensor, deviation: float, sampler: Any) -> Tensor:
        """The expectation of x, given `y` = x + `deviation` times standard normal noise."""


class Codes(ABC):
    """Rows as codes, and back: what a code does not say of a row, the condition does."""

    @abstractmethod
    def encode(self, net: nn.Module, x: Tensor, c: Tensor, sampler: Any) -> Tensor:
        """The code of each row under its own condition, about standard normal."""

    @abstractmethod
    def decode(self, net: nn.Module, z: Tensor, c: Tensor, sampler: Any) -> Tensor:
        """The row of each code under a condition."""
