"""A variational autoencoder for few labels: Kingma's M2 (Kingma et al. 2014, "Semi-supervised learning with deep
generative models"), with a classifier q(y | x) that learns from unlabelled rows by FixMatch (Sohn et al. 2020).

- A row with a label is modelled under it; one without under a class drawn from q(y | x), so that the bound's sum over
  classes is met on average. No gradient of the bound reaches the classifier, which M2 alone leaves at about 12 % error.
- The classifier learns a row's label from a distorted copy of it; and of an unlabelled row, where it is certain of the
  row as it is, that class: -log q(argmax q(y | x) | distorted x).
- The two share no weights. Labels are rare: `data.repeat_labelled` makes rows that have one as many as the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Le, doc

from genai.errors import InputError
from genai.families.vae import Vae

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise
    from genai.space import Space

TINY = 1e-12  # so that batches without a label are no 0 / 0


@dataclass(frozen=True)
class M2(Vae):
    """A Gaussian code beside a class, and who tells the class."""

    classifier: Annotated[int, Ge(4), Le(4096), doc("Channels of the classifier's first level.")] = 16
    certainty: Annotated[float, Gt(0), Le(1), doc("How sure of a row's class it must be to learn from it.")] = 0.95

    unlabelled: ClassVar[bool] = True

    def check(self, axes: int) -> None:
        super().check(axes)
        if not self.conditional:
            raise InputError("model.conditional: found false; allowed: true, or family: vae, which needs no labels")

    def network(self, space: Space, classes: int) -> nn.Module:
        from genai.networks.classifier import Classifier

        net = super().network(space, classes)
        if classes:
            net.classifier = Classifier(space.shape, classes, self.classifier)
        return net

    def loss(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> Tensor:
        import torch
        from torch.nn.functional import cross_entropy

        from genai.networks.classifier import distorted

        if not net.classes:
            return super().loss(net, x, c, noise)
        with torch.no_grad():
            told = net.classifier(x).softmax(1)  # type: ignore[operator]  # mypy: a network's attributes
            drawn = (told.cumsum(1) < noise.uniform()[:, None]).sum(1).clamp(max=told.shape[1] - 1)
            sure, likeliest = told.max(1)
        known = c >= 0
        logits = net.classifier(distorted(x, noise))  # type: ignore[operator]
        error = cross_entropy(logits, c.where(known, likeliest), reduction="none")
        return super().loss(net, x, c.where(known, drawn), noise) + error * (known | (sure > self.certainty))

    def held_out(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> dict[str, Tensor]:
        if not net.classes:
            return super().held_out(net, x, c, noise)
        told, known = self._told(net, x), c >= 0
        wrong = ((told != c) & known).float()
        measures = super().held_out(net, x, c.where(known, told), noise)
        return {**measures, "error": _share(wrong, known.float())}

    def final(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> dict[str, Tensor]:
        """With the error of the classifier, as a share of the rows that have a label."""
        told = c.where(c >= 0, self._told(net, x)) if net.classes else c
        return {**super().final(net, x, told, noise), **self.held_out(net, x, c, noise)}

    @staticmethod
    def _told(net: nn.Module, x: Tensor) -> Tensor:
        """The likeliest class of each row, (rows,)."""
        told: Tensor = net.classifier(x).argmax(1)  # type: ignore[operator]
        return told


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """A measure that is the quotient of two sums, (rows, 2)."""
    import torch

    return torch.stack([part, whole], 1) + TINY
