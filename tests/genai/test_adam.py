"""Our optimiser is torch's own."""

import pytest
import torch

from genai.adam import Adam
from genai.recipe import Recipe


@pytest.mark.parametrize(
    ("recipe", "theirs"),
    [
        (Recipe(betas=(0, 0.99)), torch.optim.Adam),
        (Recipe(optimizer="adamw", weight_decay=0.1), torch.optim.AdamW),
    ],
)
def test_it_moves_weights_as_the_class_of_torch_does(recipe, theirs):
    """To the last bit, also when it goes on from a saved state."""
    weights, other = torch.linspace(-1, 1, 50), torch.linspace(-1, 1, 50)
    ours, decay = Adam(recipe, weights), {"weight_decay": recipe.weight_decay} if recipe.weight_decay else {}
    known = theirs([other], betas=tuple(map(float, recipe.betas)), fused=True, **decay)
    for step in range(6):
        other.grad = torch.sin(torch.arange(50.0) + step)
        known.param_groups[0]["lr"] = 0.1 / (step + 1)
        known.step()
        ours.step(other.grad, 0.1 / (step + 1))
        later = Adam(recipe, weights)
        later.restore(ours.state)
        ours = later

    assert torch.equal(weights, other)
    assert all(torch.equal(ours.state[name], found) for name, found in known.state_dict()["state"][0].items())
