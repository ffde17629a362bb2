"""A family of one's own, the smallest that makes tokens: which token stands where, under the label."""

from dataclasses import dataclass

from genai.families import Family, NoOptions


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
