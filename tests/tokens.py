"""Kinds of one's own: the smallest family that makes tokens, which knows what stands where, and texts that take every
column of a table.
"""

from dataclasses import dataclass

from genai.families import Family, NoOptions
from genai.modalities.text import Text


@dataclass(frozen=True)
class Places(Family):
    """A table of how often each token stands in each place."""

    Sampler = NoOptions
    tokens = True

    def network(self, space, classes):
        import torch

        net = torch.nn.Module()
        net.shape, net.classes = space.shape, classes
        net.logits = torch.nn.Parameter(torch.zeros(max(classes, 1), *space.shape, space.vocabulary))
        return net

    def loss(self, net, x, c, noise):
        from torch.nn.functional import cross_entropy

        return cross_entropy(net.logits[c].transpose(1, 2), x, reduction="none").mean(1)

    def sample(self, net, c, noise, sampler):
        uniforms = noise.uniform(*net.logits.shape[1:]).clamp_min(1e-9)
        return (net.logits[c] - (-uniforms.log()).log()).argmax(2)  # Gumbel's trick


@dataclass(frozen=True)
class Every(Text):
    """Texts that ask for all there is."""

    def picked(self, key, schema):
        return schema.names
