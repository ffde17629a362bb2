"""Families: the kinds of generative model, one file each.

A family is a frozen dataclass; its fields, with their bounds and one-line docs, are what the spec may say
under `model:`. Its `Sampler` is another, what the spec may say under `generate.sampler:`; it does not touch
training. Family files import torch inside their methods only (networks live apart, in `genai.networks`), so
that a job file can be checked without torch.
"""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from genai.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from genai.noise import Noise
    from genai.space import Space


@dataclass(frozen=True)
class NoOptions:
    """A sampler without options."""


class Family(ABC):
    """A kind of generative model.

    Tensors: `x` is of a `genai.space.Space`: (rows, *shape) float32 in [-1, 1], or tokens; `c` is (rows,) int64 in
    [0, classes), all zeros where the data has no labels (`classes` is 0 then); or a caption of the space. Everything is
    a pure function of its arguments, and row i of a result may depend on row i of the arguments only (no batch
    statistics).
    """

    Sampler: ClassVar[type[Any]] = NoOptions
    #: whether it models sequences of tokens; else numbers
    tokens: ClassVar[bool] = False
    #: whether its networks read captions
    captions: ClassVar[bool] = False
    #: whether it learns from rows whose class is not known: c is -1
    unlabelled: ClassVar[bool] = False
    #: whether its members come trained, as folders of files (`Pretrained`)
    pretrained: ClassVar[bool] = False
    #: fields of the Recipe that a job has where its `train:` does not say them
    RECIPE: ClassVar[Mapping[str, Any]] = {}

    @property
    def conditional(self) -> bool:
        """Whether a network of two or more classes heeds the label; if not, samples have none. May be a field."""
        return True

    def check(self, axes: int) -> None:  # noqa: B027  # most can do with any
        """Raises InputError where, with these fields, it has no network for tensors of so many axes
        (`genai.modalities.Modality.axes`).
        """

    @abstractmethod
    def network(self, space: Space, classes: int) -> nn.Module:
        """A new network for samples of a space; its initial weights are drawn from torch's global generator,
        which the caller has seeded. It keeps `shape` and `classes` as attributes.
        """

    @abstractmethod
    def loss(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> Tensor:
        """The training loss of each row, (rows,)."""

    @abstractmethod
    def sample(self, net: nn.Module, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        """One sample of the space for each row of `c`. Runs without gradients."""

    def held_out(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> dict[str, Tensor]:
        """Named measures of unseen rows, each (rows,); the first is the one that picks the best checkpoint,
        lower is better (a bound on log-likelihood is given as its negative, in nats). A measure may be (rows, 2), an
        amount and what it is an amount of (nats, tokens): its mean is then the quotient of the two sums.
        """
        return {"loss": self.loss(net, x, c, noise)}

    def final(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> dict[str, Tensor]:
        """Dearer measures, once, on the test rows when training is over; like those of `held_out`."""
        return self.held_out(net, x, c, noise)


class Pretrained(Family):
    """A kind of generative model that comes trained: a folder of another library's files, drawn from under prompts.

    A checkpoint of it holds the digests of these files and no weights: those stay where they are.
    """

    pretrained: ClassVar[bool] = True
    captions = True
    #: the libraries that it is loaded with
    libraries: ClassVar[tuple[str, ...]] = ()

    def check_installed(self) -> None:
        """Raises InputError where one of its libraries is missing."""
        missing = [name for name in self.libraries if importlib.util.find_spec(name) is None]
        if missing:
            extra = type(self).__module__.rpartition(".")[2]
            raise InputError(f"{missing[0]} is not installed; install it: pip install 'genai-jobs[{extra}]'")

    def network(self, space: Space, classes: int) -> nn.Module:
        """One without weights: see `load`."""
        from torch import nn

        return nn.Module()

    def loss(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> Tensor:
        raise AssertionError("a job does not train what comes trained")

    @abstractmethod
    def rows(self, configs: Mapping[str, Any]) -> dict[str, Any]:
        """What it draws, as `genai.modalities.stored` reads it, by the pipeline's own configs: their JSON by their file
        names. Raises InputError where it is none of this family, and what a mapping raises that is of another form.
        """

    @abstractmethod
    def load(self, folder: Path) -> nn.Module:
        """The network that `sample` takes, from the files of the pipeline, all of which were checked."""
