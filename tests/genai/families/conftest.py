"""Small members of every family, and the smallest of real data sets to train them on."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from genai.checkpoint import Checkpoint
from genai.families.flow import Flow, Solver
from genai.families.gpt import Gpt
from genai.families.vae import Vae
from genai.families.vqvae import Sampling, Vqvae
from genai.modalities.image import Image
from genai.modalities.text import Text
from genai.recipe import Recipe
from genai.train import initial

MEMBERS = {  # a new family adds a line; `test_conformance.py` then runs on it
    "vae-dense": (Vae("dense", latent=4, width=32, importance_samples=4), None),
    "vae-conv": (Vae(latent=4, width=8, importance_samples=4), None),
    "vae-gaussian": (Vae(latent=4, width=8, likelihood="gaussian", importance_samples=4, conditional=False), None),
    "flow": (Flow(widths=(8, 16), depth=1), Solver(steps=3)),
    "vqvae": (
        Vqvae(levels=(4, 3), halvings=1, width=8, prior_width=16, prior_depth=1, prior_heads=2),
        Sampling(temperature=0.9),
    ),
    "gpt": (Gpt(width=16, depth=1, heads=2), Sampling(temperature=0.9)),
}
CLASSES = tuple("0123456789")
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@dataclass(frozen=True)
class Member:
    """A family with small fields, and a quick sampler."""

    family: object
    sampler: object

    @property
    def modality(self):
        """Images for families of numbers, texts for those of tokens."""
        return Text(length=12) if self.family.tokens else Image((8, 8), "L")

    def network(self, seed=0):
        """A network whose every weight is random: those that start at zero would hide what depends on them."""
        net = initial(self.family, self.modality.space, len(CLASSES), seed)
        weights = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for p in net.parameters():
                p.add_(0.1 * torch.randn(p.shape, generator=weights))
        return net.eval()

    def checkpoint(self):
        made = {"recipe": {}, "steps": 0, "prepared": "", "device": "cpu", "torch": torch.__version__, "genai": "0"}
        classes = CLASSES if self.family.conditional else ()
        return Checkpoint(self.family, self.modality, classes, self.network().state_dict(), made)


@pytest.fixture(params=list(MEMBERS), ids=list(MEMBERS))
def member(request):
    """A small member of each family."""
    return Member(*MEMBERS[request.param])


@pytest.fixture(scope="session")
def recipe():
    """Enough to see a loss fall."""
    return Recipe(steps=24, batch=32, micro_batches=4, learning_rate=3e-3, validate_every=8, checkpoint_every=8)


@pytest.fixture(scope="session")
def texts():
    """1,797 lines such as "417: seven", as bytes, and the digit that each ends with."""
    lines = [f"{i}: {WORDS[i % 10]}".encode().ljust(12, b"\0") for i in range(1797)]
    return np.frombuffer(b"".join(lines), np.uint8).reshape(-1, 12), np.arange(1797) % 10


@pytest.fixture
def data(member, digits, texts):
    """What the member is trained on."""
    return texts if member.family.tokens else digits


@pytest.fixture
def few(member, data):
    """24 rows as the member sees them, (x, c)."""
    return member.modality.to_tensor(data[0][:24]), torch.arange(24) % len(CLASSES)


@pytest.fixture
def rows():
    """24 images of noise, (x, c)."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.random((24, 1, 8, 8), np.float32) * 2 - 1)
    return x, torch.arange(24) % len(CLASSES)


@pytest.fixture(scope="session")
def members():
    """All of them."""
    return MEMBERS
